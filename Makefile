# hnswc, built by PGXS.
#
#   make && make install     needs the server's headers only; PG_CONFIG=... chooses the server
#   make install-vector      the same under the name "vector", for clients that create that
#   make uninstall           removes everything
#
#   make demo [DATA=dir]     a tour in some three minutes, leaves a plot in /tmp
#   make test                everything, on a throw-away cluster; installs what a fresh Debian lacks
#   make test-long           the same with the long crash and concurrency tests, and under valgrind
#   make coverage            line coverage of src/ by the tests
#   make test-versions       the tests on PostgreSQL 17 and 18, in chroots
#   make test-packages       packages, pgxn, Dockerfile, pg_upgrade and the demo, in chroots
#   make installcheck        SQL, isolation and TAP tests against a running server that has it installed
#   make bench ARGS='...'    see bench/README.md
#
#   make deb                 Debian packages, in dist/
#   make dist                the archive for PGXN, in dist/
#
# WERROR=1 makes warnings errors; with_llvm=no leaves the JIT's bitcode out. CONTRIBUTING.md has more.

EXTENSION = hnswc
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" hnswc.control)
MODULE_big = hnswc
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The install scripts are joined from one part a subject. The extension "vector" is the same objects and library under the
# name that pgvector's clients create; its version is 0.8, pgvector's, and behind that ours: 0.8.200 is 0.2.0.
PARTS = $(addprefix sql/,preamble.sql vector.sql halfvec.sql sparsevec.sql bit.sql hnsw.sql 0.2.0.sql comments.sql)
UPGRADE_PARTS = $(addprefix sql/,0.1.0--0.2.0.sql 0.2.0.sql comments.sql)
VECTOR_VERSION := 0.8.$(shell echo $(EXTVERSION) | awk -F. '{ print 10000 * $$1 + 100 * $$2 + $$3 }')
CREATE_SCRIPT = sql/built/hnswc--$(EXTVERSION).sql
UPGRADE_SCRIPT = sql/built/hnswc--0.1.0--$(EXTVERSION).sql
VECTOR_FILES = sql/built/vector.control sql/built/vector--$(VECTOR_VERSION).sql
DATA_built = $(CREATE_SCRIPT) $(UPGRADE_SCRIPT)
DATA = $(wildcard sql/hnswc--*.sql)

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

# join_script COMMAND PARTS: a script that psql does not run, only COMMAND.
define join_script
	@mkdir -p sql/built
	{ printf '%s\n' '\echo Use "$(1)" to load this file. \quit' '-- hnswc $(EXTVERSION)'; for part in $(2); do echo; cat $$part; done; } >$@.tmp && mv $@.tmp $@
endef
$(CREATE_SCRIPT): $(PARTS) hnswc.control
	$(call join_script,CREATE EXTENSION hnswc,$(PARTS))
$(UPGRADE_SCRIPT): $(UPGRADE_PARTS) hnswc.control
	$(call join_script,ALTER EXTENSION hnswc UPDATE,$(UPGRADE_PARTS))
sql/built/vector--$(VECTOR_VERSION).sql: $(PARTS) hnswc.control
	$(call join_script,CREATE EXTENSION vector,$(PARTS))
sql/built/vector.control: hnswc.control
	@mkdir -p sql/built
	sed "s/^comment = .*/comment = 'hnswc under the name of pgvector: vector types and an HNSW index'/; \
		s/^default_version = .*/default_version = '$(VECTOR_VERSION)'/" hnswc.control >$@.tmp && mv $@.tmp $@

# PGXS knows no header dependencies: the compiler writes them beside the objects.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): $(wildcard src/*.h src/*/*.h)

# The extension "vector", for clients and dumps that create it. Never over pgvector's own files.
extension_dir = $(DESTDIR)$(datadir)/extension
.PHONY: install-vector uninstall-vector
install-vector: $(VECTOR_FILES) install
	@files=$$(ls '$(DESTDIR)$(pkglibdir)'/vector.* 2>/dev/null; \
		grep -Ls "libdir/hnswc" '$(extension_dir)'/vector.control; grep -Ls '^-- hnswc ' '$(extension_dir)'/vector--*.sql); \
	if [ -n "$$files" ]; then \
		echo "pgvector is installed in this server, and hnswc under the name \"vector\" would take its place:" $$files >&2; \
		echo "Remove pgvector first, or use hnswc under its own name: see docs/MIGRATION.md" >&2; exit 1; fi
	$(INSTALL_DATA) $(VECTOR_FILES) '$(extension_dir)/'
uninstall-vector:
	@files=$$(grep -ls "libdir/hnswc" '$(extension_dir)'/vector.control; \
		grep -ls '^-- hnswc ' '$(extension_dir)'/vector--*.sql); [ -z "$$files" ] || { echo rm -f $$files; rm -f $$files; }

# The scripts that change a database over, and, when they are removed, what another version left.
migrate_dir = $(DESTDIR)$(datadir)/contrib/hnswc
.PHONY: install-migrate uninstall-rest
install: install-migrate
install-migrate:
	$(MKDIR_P) '$(migrate_dir)'
	$(INSTALL_DATA) $(wildcard $(srcdir)/migrate/*.sql) '$(migrate_dir)/'
uninstall: uninstall-vector uninstall-rest
uninstall-rest:
	rm -f '$(extension_dir)'/hnswc--*.sql '$(migrate_dir)'/*.sql
	-rmdir '$(migrate_dir)' 2>/dev/null || true

# Packages of Debian, and the archive that PGXN takes, in dist/.
.PHONY: deb dist
deb:
	@debian/build
dist:
	@mkdir -p dist
	git archive --format=zip --prefix=hnswc-$(EXTVERSION)/ -o dist/hnswc-$(EXTVERSION).zip HEAD
	@echo "dist/hnswc-$(EXTVERSION).zip"

.PHONY: help test test-long coverage test-versions test-packages demo bench
help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))
test:
	@PG_CONFIG='$(PG_CONFIG)' test/run
test-long:
	@PG_CONFIG='$(PG_CONFIG)' HNSWC_TEST_LONG=1 test/run
coverage:
	@PG_CONFIG='$(PG_CONFIG)' test/coverage
test-versions:
	@test/versions
test-packages:
	@test/packages
demo:
	@PG_CONFIG='$(PG_CONFIG)' demo/run $(if $(findstring command,$(origin DATA)),'$(DATA)')
bench:
	@PG_CONFIG='$(PG_CONFIG)' bench/run $(ARGS)
