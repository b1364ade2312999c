/* What cppcheck has to know of PostgreSQL's macros to read the sources without its headers. */
#define PG_VERSION_NUM 150000
#define PG_MODULE_MAGIC extern int module_magic
#define PG_FUNCTION_INFO_V1(function) extern int function##_info
#define PG_FUNCTION_ARGS void *fcinfo
#define FLEXIBLE_ARRAY_MEMBER
#define PG_TRY() {
#define PG_CATCH() } {
#define PG_FINALLY() } {
#define PG_END_TRY() }
#define foreach(cell, list) for (;;)
#define Assert(condition) ((void) 0)
#define StaticAssertDecl(condition, message) extern int static_assertion
