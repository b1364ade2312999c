# hnswc, built by PGXS.
#
#   make && make install     needs the server's headers only; PG_CONFIG=... chooses the server
#   make installcheck        SQL, isolation and TAP tests against a running server that has it installed
#   make test                everything, on a throw-away cluster; installs what a fresh Debian lacks
#   make test-long           the same with the long crash and concurrency tests
#   make demo [DATA=dir]     a tour in two minutes, leaves nothing behind
#   make bench ARGS='...'    see bench/README.md
#
# WERROR=1 makes warnings errors; with_llvm=no leaves the JIT's bitcode out.

EXTENSION = hnswc
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" hnswc.control)
MODULE_big = hnswc
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The install script is joined from one script a subject; scripts that upgrade are as they are.
SCRIPT = hnswc--$(EXTVERSION).sql
SCRIPT_PARTS = sql/preamble.sql sql/vector.sql sql/halfvec.sql sql/sparsevec.sql sql/bit.sql sql/hnsw.sql
DATA_built = sql/$(SCRIPT)
DATA = $(wildcard sql/hnswc--*--*.sql)

# Nothing here depends on the CPU that compiles: kernels are chosen at run time.
PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	$(if $(WERROR),-Werror) -MMD -MP
SHLIB_LINK = -lm
# Without it, a function that another module exports under the same name would be called instead of ours.
ifneq ($(shell uname -s),Darwin)
SHLIB_LINK += -Wl,-Bsymbolic
endif
EXTRA_CLEAN = $(OBJS:.o=.d)

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=hnswc
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=hnswc
TAP_TESTS = $(if $(wildcard test/t/*.pl),1)
PROVE_TESTS ?= $(sort $(wildcard test/t/*.pl))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else
all install installcheck clean:
	@echo "$(PG_CONFIG) finds no server headers: install postgresql-server-dev-NN, or set PG_CONFIG" >&2; exit 1
endif

sql/$(SCRIPT): $(SCRIPT_PARTS) hnswc.control
	cat $(SCRIPT_PARTS) >$@.tmp && mv $@.tmp $@

# PGXS knows no header dependencies: the compiler writes them beside the objects.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): $(wildcard src/*.h src/*/*.h)

# An empty extension "vector" that requires hnswc, for clients and dumps that create it. Never over pgvector's own files.
.PHONY: install-vector-alias
install-vector-alias:
	@if [ -e '$(DESTDIR)$(pkglibdir)/vector.so' ] || { [ -e '$(DESTDIR)$(datadir)/extension/vector.control' ] && \
		! cmp -s $(srcdir)/alias/vector.control '$(DESTDIR)$(datadir)/extension/vector.control'; } || \
		ls '$(DESTDIR)$(datadir)/extension/' 2>/dev/null | grep '^vector--.*\.sql$$' | grep -qvx 'vector--0\.8\.0\.sql'; then \
		echo "pgvector is installed in this server: the alias would take its place" >&2; exit 1; fi
	$(MKDIR_P) '$(DESTDIR)$(datadir)/extension'
	$(INSTALL_DATA) $(srcdir)/alias/vector.control $(srcdir)/alias/vector--0.8.0.sql '$(DESTDIR)$(datadir)/extension/'

.PHONY: test test-long demo bench
test:
	@PG_CONFIG='$(PG_CONFIG)' test/run
test-long:
	@PG_CONFIG='$(PG_CONFIG)' HNSWC_TEST_LONG=1 test/run
demo:
	@PG_CONFIG='$(PG_CONFIG)' demo/run $(if $(findstring command,$(origin DATA)),'$(DATA)')
bench:
	@PG_CONFIG='$(PG_CONFIG)' bench/run $(ARGS)
