# make              the gateway: build/opt/sallyport      make SAN=1     the same under ASan and UBSan: build/san
# make check        unit tests, conformance, integration  make units     the unit tests alone
# make fuzz         every fuzzer, FUZZ_RUNS inputs each    make bench     speed, side by side with others
# make lint         layers, clang-tidy, cppcheck, shell    make format    clang-format over our files
# make CC=clang     another compiler                      make clean     removes build/

KIND     := $(if $(SAN),san,opt)
CCNAME   := $(if $(findstring clang,$(CC)),clang,gcc)
B        := build/$(KIND)$(if $(filter clang,$(CCNAME)),$(if $(SAN),,-clang))
ifeq ($(origin CC),default)
CC       := gcc
endif

comma    := ,
PKGS     := libevent_core libssl libcrypto inih
WARN     := -Wall -Wextra -Werror -Wformat=2 -Wconversion -Wshadow -Wvla -Walloca -Wimplicit-fallthrough \
            -Wnull-dereference -Wstrict-prototypes -Wmissing-prototypes -Wno-sign-conversion
HARDEN   := -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection \
            -fcf-protection=full -mharden-sls=all -fPIE -fno-strict-aliasing -fno-strict-overflow \
            -fno-delete-null-pointer-checks -fno-common
HARDEN_gcc := -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
SANFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-common -DSP_SAN=1
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,defs,--as-needed

CFLAGS   := -std=c11 -D_GNU_SOURCE -Iinclude $(WARN) -MMD -MP $(if $(SAN),$(SANFLAGS),$(HARDEN) $(HARDEN_$(CCNAME))) \
            $(shell pkg-config --cflags $(PKGS)) $(EXTRA_CFLAGS)
LDFLAGS  := $(if $(SAN),-fsanitize=address$(comma)undefined,$(LDHARDEN))
LIBS     := $(shell pkg-config --libs $(PKGS)) -lhttp_parser

SRC      := $(shell find src -name '*.c')
OBJ      := $(SRC:src/%.c=$B/obj/%.o)
UNIT     := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
UNITBIN  := $(UNIT:tests/unit/%.c=$B/unit/%)

all: $B/sallyport

$B/sallyport: $B/obj/main.o $B/libsallyport.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/libsallyport.a: $(filter-out $B/obj/main.o,$(OBJ))
	@rm -f $@
	ar rcs $@ $^

$B/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$B/unit/%: tests/unit/%.c $B/libsallyport.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itests/lib $(LDFLAGS) -o $@ $< $B/libsallyport.a -lcmocka $(LIBS)

units: $(UNITBIN)
	@for t in $(sort $(UNITBIN)); do echo "$$t"; $$t || exit 1; done

clean:
	rm -rf build

.PHONY: all units check fuzz bench lint layers format clean
-include $(shell find build -name '*.d' 2>/dev/null)
