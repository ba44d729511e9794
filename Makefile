# make              the gateway: build/opt/sallyport      make SAN=1     the same under ASan and UBSan: build/san
# make check        unit tests, conformance, integration  make units     the unit tests alone
# make fuzz         every fuzzer, FUZZ_RUNS inputs each    make bench     speed, side by side with others
# make bench-sizes  how the cost grows with size           make soak      memory and descriptors under load; SOAK=30m
# make bench-results  both, into tests/bench/RESULTS.md
# make lint         layers, clang-tidy, cppcheck, shell    make format    clang-format over our files
# make reference    the README's configuration reference  make layers    who includes whom, under a second
# make integration  JOBS=3 files at a time, PYTEST='-k words' for some
# make compare-http  the conformance cases before other gateways, side by side
# make templates    the AWS stacks of deploy/ and the account scripts, against what they promise
# make templates-audit  the stacks before cdk-nag and cfn-guard, from npm   make diagram   draws them into deploy/README.md
# make attacks      a good client beside each attack, here and in nginx and HAProxy; ATTACKS='--only slowhead' for some
# make install      to DESTDIR and PREFIX=/usr/local        make uninstall  what it put there; make man: the man pages
# make deb          the Debian package, in build/deb       make rpm       the RPM, in build/rpm; RPM=--nodeps on Debian
# make CC=clang     another compiler                      make clean     removes build/

ifeq ($(origin CC),default)
CC       := gcc
endif
CCNAME   := $(if $(findstring clang,$(CC)),clang,gcc)
KIND     := $(if $(SAN),san,opt)
B        := build/$(KIND)$(if $(filter clang,$(CCNAME)),-clang)
PYTHON   := /usr/bin/python3
FUZZ_RUNS := 100000
FUZZ_SECONDS := 60
JOBS     := 3

comma    := ,
PKGS     := libevent_core libssl libcrypto inih libseccomp libcares libmaxminddb
WARN     := -Wall -Wextra -Werror -Wformat=2 -Wconversion -Wshadow -Wvla -Walloca -Wimplicit-fallthrough \
            -Wnull-dereference -Wstrict-prototypes -Wmissing-prototypes -Wno-sign-conversion
HARDEN   := -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection \
            -fcf-protection=full -fPIE -fno-strict-aliasing -fno-strict-overflow \
            -fno-delete-null-pointer-checks -fno-common
HARDEN_gcc := -mharden-sls=all -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
SANFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-common -DSP_SAN=1
# ibt and shstk: the C library's own start files carry no mark, without these two the linker drops ours.
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,defs,-z,ibt,-z,shstk,--as-needed

DEFS     := -std=c11 -D_GNU_SOURCE -Iinclude
PKGFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   := $(DEFS) $(WARN) $(if $(SAN),$(SANFLAGS),$(HARDEN) $(HARDEN_$(CCNAME))) $(PKGFLAGS) $(EXTRA_CFLAGS)
LDFLAGS  := $(if $(SAN),-fsanitize=address$(comma)undefined,$(LDHARDEN))
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lhttp_parser -lm
DEPEND    = -MMD -MP -MF $@.d -MT $@

SRC      := $(shell find src -name '*.c')
OBJ      := $(SRC:src/%.c=$B/obj/%.o)
MAIN     := $B/obj/main.o
HEADERS  := $(shell find include src -name '*.h')
UNITSRC  := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
UNITS    := $(sort $(UNITSRC:tests/unit/%.c=$B/unit/%))
TESTLIB  := $(patsubst tests/lib/%.c,$B/testlib/%.o,$(filter-out tests/lib/malloc_count.c,$(wildcard tests/lib/*.c)))
FUZZERS  := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
SHELLS   := $(shell grep -lE '^\#!/bin/(ba)?sh' scripts/* deploy/certbot/* .ci/* 2>/dev/null) deploy/completion/sallyport \
            $(wildcard deploy/debian/sallyport.p*)

all: $B/sallyport

# --- the gateway ---

$B/sallyport: $(MAIN) $B/libsallyport.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/libsallyport.a: $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	ar rcs $@ $^

$B/obj/%.o: src/%.c Makefile | build/packages-ok
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(DEPEND) -c -o $@ $<

# The status page is in the program.
$B/obj/role/monitor/page_data.o build/fuzz/obj/role/monitor/page_data.o: $(wildcard src/role/monitor/page/*)

# Asked again whenever a package changed: some libevent revisions of Debian 12 lack the fixes of 2026.
build/packages-ok: scripts/check-packages $(wildcard /var/lib/dpkg/status)
	@scripts/check-packages $(PKGS)
	@mkdir -p $(@D) && touch $@

# --- tests ---

# Units, conformance and integration, each in the optimized and the sanitized build.
check:
	$(MAKE) all units conformance integration templates
	$(MAKE) SAN=1 all units conformance integration

$B/testlib/%.o: tests/lib/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/lib $(DEPEND) -c -o $@ $<

$B/unit/%: tests/unit/%.c $(TESTLIB) $B/libsallyport.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/lib $(DEPEND) $(LDFLAGS) -o $@ $< $(TESTLIB) $B/libsallyport.a -lcmocka $(LIBS)

units: $(UNITS)
	@scripts/run-units $(KIND) $(UNITS)

# Counts the allocations that our own code asks for, when preloaded.
$B/malloc_count.so: tests/lib/malloc_count.c
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(WARN) -O2 -fPIC -shared -o $@ $<

conformance: $B/sallyport
	$(PYTHON) tests/conformance/run.py --gateway $B/sallyport $(CONFORMANCE)

# The same cases before Debian's nginx, HAProxy and Apache; writes the table of tests/conformance/RESULTS.md.
compare-http: $B/sallyport
	$(PYTHON) tests/conformance/compare.py --gateway $B/sallyport --write tests/conformance/RESULTS.md $(COMPARE)

# The gateway whose workers, asked to, try to get out: the release's objects but for the one that calls tests/hook.
$B/hooked/worker.o: src/worker/worker.c Makefile | build/packages-ok
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DSP_TEST_HOOKS $(DEPEND) -c -o $@ $<

$B/hooked/hook.o: tests/hook/hook.c Makefile | build/packages-ok
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DSP_TEST_HOOKS -Itests/lib $(DEPEND) -c -o $@ $<

$B/hooked/sallyport: $(MAIN) $B/hooked/worker.o $B/hooked/hook.o $B/libsallyport.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Three files at a time, since tests wait more than they work; then alone, one by one, what others would disturb.
INTEGRATION = SALLYPORT=$B/sallyport MALLOC_COUNT=$(if $(SAN),,$B/malloc_count.so) \
	$(PYTHON) -m pytest -q -rs -p no:cacheprovider tests/integration $(PYTEST)
OR_NONE = || [ $$? = 5 ] # pytest: none of that name here
INTEGRATION_NEEDS = $B/sallyport $(if $(SAN),,$B/malloc_count.so $B/hooked/sallyport)

integration:
	$(MAKE) integration-beside
	$(MAKE) integration-quiet

integration-beside: $(INTEGRATION_NEEDS)
	$(INTEGRATION) -m 'not quiet' -n $(JOBS) --dist loadfile $(OR_NONE)

integration-quiet: $(INTEGRATION_NEEDS)
	$(INTEGRATION) -m quiet $(OR_NONE)

# The fuzzers have their own objects: every function of ours tells libFuzzer where it has been.
F        := build/fuzz
FUZZFLAGS := $(DEFS) -O1 -g -fno-omit-frame-pointer -fno-common -DSP_SAN=1 -DSP_FUZZ=1 $(PKGFLAGS) \
            -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZOBJ  := $(patsubst src/%.c,$F/obj/%.o,$(filter-out src/main.c,$(SRC)))
FUZZLIB  := $(patsubst tests/lib/%.c,$F/testlib/%.o,$(filter-out tests/lib/malloc_count.c,$(wildcard tests/lib/*.c)))

$F/obj/%.o: src/%.c Makefile | build/packages-ok
	@mkdir -p $(@D)
	clang $(FUZZFLAGS) -fsanitize=fuzzer-no-link $(DEPEND) -c -o $@ $<

$F/testlib/%.o: tests/lib/%.c Makefile
	@mkdir -p $(@D)
	clang $(FUZZFLAGS) -fsanitize=fuzzer-no-link -Itests/lib $(DEPEND) -c -o $@ $<

$F/libsallyport.a: $(FUZZOBJ)
	@rm -f $@
	ar rcs $@ $^

$F/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZLIB) $F/libsallyport.a
	clang $(FUZZFLAGS) -fsanitize=fuzzer -Itests/lib $(DEPEND) -o $@ $< $(FUZZLIB) $F/libsallyport.a $(LIBS)

fuzz: $(FUZZERS:%=$F/fuzz_%)
	@FUZZ_RUNS=$(FUZZ_RUNS) FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/run-fuzz $F $(FUZZERS)

fuzz-seeds: $(FUZZERS:%=$F/fuzz_%)
	@FUZZ_RUNS=0 FUZZ_SECONDS=0 scripts/run-fuzz $F $(FUZZERS)

# The gateway with its keys in the workers, to measure the keeper against.
$B/local/signer.o: tests/bench/local_signer.c Makefile | build/packages-ok
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(DEPEND) -c -o $@ $<

$B/local/sallyport: $(MAIN) $B/local/signer.o $B/libsallyport.a
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=sp_signer_new_remote,--wrap=sp_signer_set_keeper -o $@ $^ $(LIBS)

# The load, the origin and the relay that parses nothing.
BENCHERS := $B/bench/loadgen $B/bench/origin $B/bench/floor

$B/bench/%: tests/bench/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(WARN) -O2 -g $(DEPEND) -o $@ $< -lssl -lcrypto -lm

BENCH_NEEDS := $B/sallyport $B/local/sallyport $B/malloc_count.so $(BENCHERS)
BENCH    = $(PYTHON) tests/bench/bench.py --gateway $B/sallyport

# BENCH_ARGS='--only a,b' for some scenarios, '--nginx PATH' for another nginx: bench.py --help.
bench: $(BENCH_NEEDS)
	$(BENCH) $(if $(QUICK),--quick) $(BENCH_ARGS)

# How the cost grows: with routes, list entries, idle connections, tracked clients, body bytes, workers.
bench-sizes: $(BENCH_NEEDS)
	$(PYTHON) tests/bench/sizes.py --gateway $B/sallyport $(if $(QUICK),--quick) $(BENCH_ARGS)

# Both, written to tests/bench/RESULTS.md and tests/bench/results/.
bench-results: $(BENCH_NEEDS)
	$(BENCH) --write tests/bench $(BENCH_ARGS)
	$(PYTHON) tests/bench/sizes.py --gateway $B/sallyport --write tests/bench $(BENCH_ARGS)

# Mixed load, reloads, backends that come and go: memory and descriptors must stay as they are. SOAK=30m for longer.
SOAK     ?= 5m
soak: $B/sallyport $(BENCHERS)
	$(PYTHON) tests/bench/soak.py --gateway $B/sallyport --for $(SOAK)

# Writes the table of tests/attacks/RESULTS.md; some twenty minutes.
attacks: $B/sallyport
	$(PYTHON) tests/attacks/attack.py --gateway $B/sallyport $(or $(ATTACKS),--write tests/attacks/RESULTS.md)

# --- what a compiler does not see ---

lint: layers headers tidy cppcheck shellcheck

layers:
	@scripts/check-layers scripts/layers.txt

headers: $(HEADERS:%=$B/alone/%.ok)

$B/alone/%.ok: % Makefile | build/packages-ok
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(DEPEND) -fsyntax-only -x c $< && touch $@

tidy: $(SRC:src/%.c=$B/tidy/%.ok)

# Behind the object, so that a source is read again when it or a header of it changed.
$B/tidy/%.ok: src/%.c $B/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- $(DEFS) $(PKGFLAGS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@

cppcheck:
	@mkdir -p build/cppcheck
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=unmatchedSuppression --cppcheck-build-dir=build/cppcheck \
		-D_GNU_SOURCE -Iinclude src

shellcheck:
	shellcheck -x $(SHELLS)

templates:
	$(PYTHON) -m pytest -q -rs -p no:cacheprovider tests/deploy -n $(JOBS) $(PYTEST)

# The rule packs of npm over the stacks. Some 230 MiB, in build/ and never in the repository, and two minutes: so no part of check.
templates-audit:
	@mkdir -p build/templates-audit
	cp tests/deploy/audit/package.json build/templates-audit/
	cd build/templates-audit && npm install --no-audit --no-fund --ignore-scripts
	$(PYTHON) tests/deploy/audit/audit.py build/templates-audit

# Between the two markers of deploy/README.md: the stacks, as they are.
diagram:
	scripts/draw-stacks --into deploy/README.md

format:
	clang-format -i $(shell find src include tests -name '*.[ch]')

# Between the two markers of the README: what the key tables say of themselves.
reference: $B/sallyport
	scripts/update-reference $B/sallyport README.md

# --- where it goes ---

PREFIX   := /usr/local
UNITDIR  := $(PREFIX)/lib/systemd/system
SHARE    := $(PREFIX)/share
DOCS     := $(SHARE)/doc/sallyport
# mode,file,place. The configuration itself is not among them: it is the operator's.
PLACES   := 755,$B/sallyport,$(PREFIX)/sbin/sallyport \
            644,$B/man/sallyport.8,$(SHARE)/man/man8/sallyport.8 \
            644,$B/man/sallyport.ini.5,$(SHARE)/man/man5/sallyport.ini.5 \
            644,deploy/completion/sallyport,$(SHARE)/bash-completion/completions/sallyport \
            644,deploy/systemd/sallyport.service,$(UNITDIR)/sallyport.service \
            644,deploy/systemd/sallyport.socket,$(UNITDIR)/sallyport.socket \
            644,deploy/systemd/sallyport.sysusers,$(PREFIX)/lib/sysusers.d/sallyport.conf \
            644,deploy/systemd/sallyport.tmpfiles,$(PREFIX)/lib/tmpfiles.d/sallyport.conf \
            644,README.md,$(DOCS)/README.md \
            $(foreach name,sallyport minimal packaged,644,conf/$(name).ini,$(DOCS)/examples/$(name).ini)

man: $B/man/sallyport.8 $B/man/sallyport.ini.5

$B/man/%: deploy/man/%.in scripts/build-man conf/minimal.ini $B/sallyport
	@mkdir -p $(@D)
	scripts/build-man $B/sallyport $< $@

install: $B/sallyport man
	@for row in $(PLACES); do \
		IFS=,; set -- $$row; install -D -m $$1 "$$2" "$(DESTDIR)$$3" || exit 1; echo "$(DESTDIR)$$3"; \
	done
	@sed -i 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/usr/share/|$(SHARE)/|' $(DESTDIR)$(UNITDIR)/sallyport.service

# Folders that others share are left.
uninstall:
	@for row in $(PLACES); do rm -f "$(DESTDIR)$${row##*,}" || exit 1; done
	@for folder in $(DESTDIR)$(DOCS)/examples $(DESTDIR)$(DOCS); do [ ! -d "$$folder" ] || rmdir "$$folder"; done

deb:
	scripts/build-deb

rpm:
	scripts/build-rpm build/rpm $(RPM)

clean:
	rm -rf build

.PHONY: attacks compare-http all check units conformance integration integration-beside integration-quiet fuzz fuzz-seeds bench bench-sizes bench-results soak lint layers headers tidy cppcheck shellcheck \
        format reference clean templates templates-audit diagram man install uninstall deb rpm
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $B $F -name '*.d' 2>/dev/null)
