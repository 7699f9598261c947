# ib-sriov: TypeScript in src/ → one script per face (esbuild), cut into pieces → bytecode (scripts/compile.c) → linked
# with native/*.c and libquickjs into build/ib-sriov. `make help` lists what there is to make.

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
SHELL := /bin/bash

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
STRIP ?= strip
NODE ?= node

# For what runs during the build; differs from CC where that compiles for another machine.
BUILD_CC ?= gcc

# Where Debian's libquickjs is, for the machine that CC compiles for.
MULTIARCH := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(shell uname -m)-linux-gnu)
QUICKJS_INCLUDE ?= /usr/include
QUICKJS_LIBRARY ?= /usr/lib/$(MULTIARCH)/quickjs

# make V=1 shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-7s %s\n' '$(1)' '$(2)')

# ---- what is built ----

B := build
# A program is an entry point of its own: main, and src/NAME-face.ts for each that main can load.
PROGRAMS := main $(sort $(patsubst src/%-face.ts,%,$(wildcard src/*-face.ts)))
SOURCES := $(shell find src -name '*.ts')

NATIVE := argument children clock directories engine error exit files host json locks main memory namespaces netlink \
  process program read report signals spawn start streams strings text wait
HEADERS := $(wildcard native/*.h)

# ---- flags ----

WARNINGS := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter -Werror
# Debian's hardening flags (dpkg-buildflags), spelt out so that dpkg-dev need not be there.
HARDENING := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=3 -Wformat -Werror=format-security
HARDENING += $(if $(findstring x86_64,$(MULTIARCH)),-fcf-protection)
HARDENING += $(if $(findstring aarch64,$(MULTIARCH)),-mbranch-protection=standard)
CPPFLAGS := -D_GNU_SOURCE -isystem $(QUICKJS_INCLUDE) -Inative -I$(B)/bytecode
PREFIX_MAP := -ffile-prefix-map=$(CURDIR)=.
RELEASE := -O2 $(HARDENING)
RELEASE_LINK := -static -Wl,-z,relro,-z,now -Wl,--build-id=none
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DIB_SRIOV_FREE_ALL
LIBRARIES := -L$(QUICKJS_LIBRARY) -lquickjs -lm
BUILD_CPPFLAGS := -D_GNU_SOURCE -Inative -I$(B)/bytecode
BUILD_LIBRARIES = -L/usr/lib/$(shell $(BUILD_CC) -print-multiarch)/quickjs -lquickjs -lm

# ---- targets for people ----

.PHONY: build
build: $(B)/ib-sriov ## build/ib-sriov, the executable (the default)

.PHONY: build-asan
build-asan: $(B)/asan/ib-sriov ## build/asan/ib-sriov, with the address and undefined-behaviour sanitizers

.PHONY: test
test: build build-asan $(B)/host-test $(B)/asan/host-test ## all tests: lint, types, unit, simulator, native, e2e
	@$(NODE) scripts/test.mjs

.PHONY: lint unit simulator native e2e
lint: setup ## format, lint and types only
	@$(NODE) scripts/test.mjs format types test-types
unit: setup ## unit tests only
	@$(NODE) scripts/test.mjs unit
simulator: setup ## tests on a model of a node only
	@$(NODE) scripts/test.mjs simulator
native: build build-asan $(B)/host-test $(B)/asan/host-test ## tests of the executable and of native/ only
	@$(NODE) scripts/test.mjs native
e2e: build ## tests in the virtual node only
	@$(NODE) scripts/test.mjs e2e

.PHONY: demo
demo: build ## boots the virtual node, attaches two pods, pings, detaches
	@vhca/demo

.PHONY: bench
bench: build ## start-up, memory, system calls, ADD and DEL; PEER=path measures another plugin beside ours
	@bench/run $(PEER)

.PHONY: format
format: setup ## rewrites the sources in the house's format
	@node_modules/.bin/biome check --write .

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

.PHONY: setup
setup: ## installs what is missing of Debian's packages and npm's
	@scripts/setup

.PHONY: clean
clean: ## removes build/
	rm -rf $(B)

# ---- programs ----

# One run of the bundler makes them all.
$(B)/bundle/.done: $(SOURCES) native/host.d.ts scripts/bundle.mjs scripts/pieces.mjs package-lock.json Makefile | setup
	$(call say,bundle,$(PROGRAMS))
	$(Q)$(NODE) scripts/bundle.mjs $(@D) main=src/main.ts $(foreach name,$(filter-out main,$(PROGRAMS)),$(name)=src/$(name)-face.ts)
	@touch $@
$(PROGRAMS:%=$(B)/bundle/%.pieces): $(B)/bundle/.done ;

$(B)/bytecode/%.c: $(B)/bundle/%.pieces $(B)/compile
	@mkdir -p $(@D)
	$(call say,compile,$@)
	$(Q)$(B)/compile $* $< >$@

$(B)/bytecode/programs.c: $(B)/bundle/.done
	@mkdir -p $(@D)
	@{ echo '#include "program.h"'; \
	  printf 'extern const struct program program_%s;\n' $(PROGRAMS); \
	  echo 'const struct program *const programs[] = {'; printf '  &program_%s,\n' $(PROGRAMS); echo '  NULL};'; } >$@

# Version, commit and date; written only where it changed. The date is the commit's, so that a build can be repeated.
$(B)/bytecode/build.h: FORCE
	@mkdir -p $(@D)
	@scripts/build-header >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

# ---- objects and executables, in two variants ----

# $(1) variant, $(2) compiler flags
define variant
$(B)/$(1)/%.o: native/%.c $(HEADERS) Makefile | setup
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(CC) $(WARNINGS) $(CPPFLAGS) $(PREFIX_MAP) $(2) -c -o $$@ $$<
$(B)/$(1)/bytecode-%.o: $(B)/bytecode/%.c | setup
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(CC) $(CPPFLAGS) $(PREFIX_MAP) -c -o $$@ $$<
endef
$(eval $(call variant,obj,$(RELEASE)))
$(eval $(call variant,asan,$(ASAN)))

OBJECTS := $(NATIVE:%=%.o) $(PROGRAMS:%=bytecode-%.o) bytecode-programs.o

$(B)/ib-sriov: $(OBJECTS:%=$(B)/obj/%)
	$(call say,link,$@)
	$(Q)$(CC) $(RELEASE_LINK) -o $(B)/obj/ib-sriov $^ $(LIBRARIES)
	$(Q)$(STRIP) -o $@ $(B)/obj/ib-sriov
$(B)/asan/ib-sriov: $(OBJECTS:%=$(B)/asan/%)
	$(call say,link,$@)
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBRARIES)


# ---- the compiler for the programs: runs here and now, with the same engine ----

TOOL := $(filter-out main.o,$(NATIVE:%=%.o)) compile.o

# The one file that says which build it is.
$(B)/obj/process.o $(B)/asan/process.o $(B)/tool/process.o: $(B)/bytecode/build.h
$(B)/tool/%.o: native/%.c $(HEADERS) Makefile | setup
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(BUILD_CC) $(WARNINGS) $(BUILD_CPPFLAGS) -O1 -c -o $@ $<
$(B)/tool/compile.o: scripts/compile.c $(HEADERS) Makefile | setup
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(BUILD_CC) $(WARNINGS) $(BUILD_CPPFLAGS) -O1 -c -o $@ $<
$(B)/compile: $(TOOL:%=$(B)/tool/%)
	$(call say,link,$@)
	$(Q)$(BUILD_CC) -o $@ $^ $(BUILD_LIBRARIES)

# ---- the executable that the tests of native/ run (both variants) ----

HOST_TEST := $(filter-out main.o,$(OBJECTS)) host-test.o

define host_test
$(B)/$(1)/host-test.o: test/native/host-test.c $(HEADERS) Makefile | setup
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(CC) $(WARNINGS) $(CPPFLAGS) $(PREFIX_MAP) $(2) -c -o $$@ $$<
endef
$(eval $(call host_test,obj,$(RELEASE)))
$(eval $(call host_test,asan,$(ASAN)))

$(B)/host-test: $(HOST_TEST:%=$(B)/obj/%)
	$(call say,link,$@)
	$(Q)$(CC) $(RELEASE_LINK) -o $@ $^ $(LIBRARIES)
$(B)/asan/host-test: $(HOST_TEST:%=$(B)/asan/%)
	$(call say,link,$@)
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBRARIES)

.SECONDARY:
