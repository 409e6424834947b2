# Dispatches; nothing is compiled here. `make help` lists the targets. Folders below build/ reach the sources by
# relative names, so that a checkout may lie in a folder with a space in its name.
SHELL     = /bin/bash
PG_CONFIG ?= $(shell scripts/pg-config)
PG_MAJOR  = $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/')
BUILD     = $(or $(CRM_BUILD),build/pg$(PG_MAJOR))
WERROR    ?=
# LLVM's form of the code, for the server's JIT: what `make` and `make install` build, and the tests do without
BITCODE  ?= $(if $(filter-out install uninstall,$(MAKECMDGOALS)),no,yes)
export PG_CONFIG WERROR BITCODE
.DEFAULT_GOAL := all

all: extension daemon  ## build the extension and crmd into build/

setup:                 ## install missing packages of the distribution
	@scripts/setup
setup-lint:
	@scripts/setup --lint
setup-package:         ## install what makes a clean Debian for the tests of packages
	@scripts/setup --package
setup-valgrind:        ## install what builds a server with assertions, and valgrind
	@scripts/setup --valgrind
setup-bi:              ## install the drivers that BI tools use, for their tests
	@scripts/setup --bi
setup-majors:          ## install what unpacks the other PostgreSQLs, for check-version and check-upgrade
	@scripts/setup --majors
setup-fuzz:            ## install clang with its fuzzer
	@scripts/setup --fuzz

extension:
	@test -n "$(PG_CONFIG)" || { echo "no pg_config: type 'make setup'" >&2; exit 1; }
	@mkdir -p $(BUILD)
	@+$(MAKE) -s -C $(BUILD) -f ../../extension/Makefile SRC=../.. all

daemon:
	@test -n "$(PG_CONFIG)" || { echo "no pg_config: type 'make setup'" >&2; exit 1; }
	@mkdir -p build/daemon
	@+$(MAKE) -s -C build/daemon -f ../../daemon/Makefile SRC=../.. all

daemon-sanitized:
	@mkdir -p build/daemon-sanitized
	@+$(MAKE) -s -C build/daemon-sanitized -f ../../daemon/Makefile SRC=../.. SANITIZE=1 all

unit: daemon
	@mkdir -p build/unit
	@+$(MAKE) -s -C build/unit -f ../../tests/unit/Makefile SRC=../.. all

# Nothing where there is no clang with its fuzzer: the tests say so.
fuzz-programs:
	@if clang=$$(scripts/fuzz-clang); then mkdir -p build/fuzz && \
		$(MAKE) -s -C build/fuzz -f ../../tests/fuzz/Makefile SRC=../.. CLANG=$$clang all; else rm -rf build/fuzz; fi

# PGXS cannot cope with a space in DESTDIR: such a folder is reached by a link. Folders are made for all to read, whatever the umask.
install_into = umask 022; to='$(DESTDIR)'; case $$to in *' '*) link=$$(mktemp -d) && trap 'rm -rf "$$link"' EXIT && mkdir -p "$$to" && \
               ln -s "$$(cd "$$to" && pwd)" "$$link/to" && to=$$link/to ;; esac;
install: install-extension install-daemon  ## install (PG_CONFIG, DESTDIR are heeded)
uninstall: uninstall-extension uninstall-daemon  ## take away what make install put there (with the same PG_CONFIG, DESTDIR)
install-extension: extension
install-daemon: daemon
install-extension uninstall-extension: %-extension:
	@mkdir -p $(BUILD)
	@+$(install_into) $(MAKE) -s -C $(BUILD) -f ../../extension/Makefile SRC=../.. DESTDIR="$$to" $*
install-daemon uninstall-daemon: %-daemon:
	@mkdir -p build/daemon
	@+$(install_into) $(MAKE) -s -C build/daemon -f ../../daemon/Makefile SRC=../.. DESTDIR="$$to" $*

dist:                  ## the committed tree as build/dist/crm-VERSION.zip, as PGXN takes it
	@scripts/package/dist build/dist
package:               ## Debian packages of the extension and of crmd, in build/package
	@scripts/package/debian build/package
check-package: setup-package  ## archive and packages: the same when built twice; installed, upgraded, purged in a clean Debian (T=stage)
	@tests/package/run $(T)

demo: setup            ## the main job, start to end, on a throw-away server (KEEP=1 leaves it running)
	@+$(MAKE) -s all
	@scripts/demo/start $(KEEP)
demo-stop:             ## stop and remove what make demo KEEP=1 left running
	@scripts/demo/stop

check: setup           ## all tests of a normal day (T=name runs one)
	@+$(MAKE) -s all unit daemon-sanitized
	@+$(MAKE) -s fuzz-programs
	@tests/run $(if $(T),--only '$(T)')

check-regress check-isolation check-tap check-unit check-other-schema: check-%: setup
	@+$(MAKE) -s all unit
	@tests/run --kind $* $(if $(T),--only '$(T)')

check-days: setup      ## tests by the clock of another day (DAYS=n from today, 40 unless given; KIND=regress, isolation or tap; T=name runs one)
	@+$(MAKE) -s all unit
	@tests/days $(or $(DAYS),40) $(addprefix --kind ,$(or $(KIND),regress isolation tap)) $(if $(T),--only '$(T)')

check-sanitize: setup  ## unit tests and all tests of crmd with a crmd built with sanitizers (T=name runs one)
	@+$(MAKE) -s all unit daemon-sanitized
	@CRM_SANITIZED=all tests/run --kind unit --kind sanitized $(if $(T),--only '$(T)')

check-assert: setup-valgrind ## tests in a server with assertions, the extension built with UBSan: half an hour (T=name runs one)
	@+UNDEFINED=1 CRM_BUILD=build/assert-undefined tests/assert --kind regress --kind isolation --kind tap $(if $(T),--only '$(T)')
check-valgrind: setup-valgrind ## regression tests under valgrind, hours (T=name runs one; MINUTES=n begins none later; LEFT=1 leaves out what passed)
	@+CRM_BUILD=build/assert CRM_MINUTES=$(MINUTES) LEFT=$(LEFT) tests/assert --kind valgrind $(if $(T),--only '$(T)')
check-caches: setup-valgrind ## what keeps caches, in a server that forgets its own at every step (T=name runs one)
	@+UNDEFINED=1 CRM_BUILD=build/assert-undefined tests/assert --kind caches $(if $(T),--only '$(T)')
fuzz: setup-fuzz       ## new inputs for parsers and codecs (T=name one of them, SECONDS=n for each, 60 unless given)
	@+$(MAKE) -s fuzz-programs
	@tests/fuzz/run build/fuzz tests/fuzz/corpus $(or $(SECONDS),60) build/fuzz-found $(T)

check-mutants: setup   ## mistakes put into the extension, each of which the oracle must notice (T=name tries some)
	@+$(MAKE) -s all
	@tests/mutants/run $(T)

soak: setup            ## everything at once for an hour (MINUTES=5: five), every invariant, every fault
	@+$(MAKE) -s all
	@SOAK_MINUTES=$(or $(MINUTES),60) tests/run --kind tap --only soak
	@FAULTS=all tests/run --kind tap --only faults

# Status 77: this machine cannot run that version, and a line has said why.
MAJORS   = 16 17 18
UPGRADES = 17 18
check-version: setup-majors  ## tests on another PostgreSQL (V=16, 17 or 18; KIND=regress, isolation, tap or unit; T=name runs one)
	@$(if $(filter $(MAJORS),$(V)),,echo "say which: make check-version V=17 (or $(MAJORS))" >&2; exit 1;) \
	 tests/version $(V) $(addprefix --kind ,$(KIND)) $(if $(T),--only '$(T)') || [ $$? = 77 ]
check-upgrade: setup-majors  ## dump and restore, and pg_upgrade, from 15 to 17, from 15 and 17 to 18 (V=17 or V=18: one of them)
	@for v in $(or $(V),$(UPGRADES)); do tests/upgrade-major $$v '$(T)' || [ $$? = 77 ] || exit 1; done

check-all: setup setup-package setup-majors setup-valgrind setup-fuzz setup-bi  ## every test, hours, with a table of minutes (T='check pg17' runs some stages)
	@scripts/check-all $(T)

sandbox: setup         ## a throw-away server with the extension in database crm; prints its URI
	@+$(MAKE) -s all
	@scripts/sandbox start
sandbox-stop:          ## stop the sandbox and remove it
	@scripts/sandbox stop
psql:                  ## psql into the sandbox
	@scripts/sandbox psql

bench: setup           ## measure, as ratios in one run
	@+$(MAKE) -s all
	@scripts/in-stage bench/run $(T)

lint: setup-lint       ## format, static checks, house rules
	@+$(MAKE) -s all
	@scripts/lint/run

clean:                 ## remove build/, but for the unpacked PostgreSQLs of check-version
	@scripts/sandbox stop
	@scripts/demo/stop
	@rm -rf build/major-*/src
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name 'major-*' -exec rm -rf {} +
	@rmdir build 2>/dev/null || [ ! -d build ] || \
	 echo "left: $$(echo build/major-*[0-9]), which take minutes to make; make clean-majors removes them"
clean-majors: clean    ## remove build/ with them
	@rm -rf --one-file-system build

help:                  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r t d; do printf '  make %-14s %s\n' "$$t" "$$d"; done

.PHONY: setup-package dist package check-package uninstall install-extension uninstall-extension install-daemon uninstall-daemon
.PHONY: all fuzz fuzz-programs setup-fuzz unit daemon-sanitized setup setup-lint setup-bi extension daemon install demo demo-stop check check-regress check-isolation check-tap check-unit \
        check-other-schema check-version check-upgrade setup-majors clean-majors check-days check-sanitize check-mutants check-all soak sandbox sandbox-stop psql bench lint clean help
.PHONY: setup-valgrind check-assert check-valgrind check-caches
