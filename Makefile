# ib-sriov: TypeScript in src/ → scripts (esbuild) → bytecode (scripts/compile.c) → linked with native/, the engine
# and musl → run once, for the image of its memory (native/startup/image.h) → build/ib-sriov. `make help` lists the
# targets.

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
SHELL := /bin/bash

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
STRIP ?= strip
OBJCOPY ?= objcopy
# A prefix that runs an executable of the architecture that CC compiles for: an emulator if it is not this machine's.
RUN ?=
NODE ?= node

# The compiler for programs that run during the build; differs from CC if CC compiles for another architecture.
BUILD_CC ?= gcc

# Debian's name of the architecture that CC compiles for.
MULTIARCH := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(shell uname -m)-linux-gnu)

# make V=1 shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-7s %s\n' '$(1)' '$(2)')

# ---- sources and targets ----

# All paths in this file are relative, so that the path of the sources may have spaces and most special characters. Node.js
# loads no script whose path has a backslash, and no tool expects a newline.
define NEWLINE


endef
ifneq ($(findstring \,$(CURDIR))$(findstring $(NEWLINE),$(CURDIR)),)
$(error build in a directory whose path has a backslash or a newline: not possible; move the sources)
endif

# The directory of what is built. It is part of rules and of commands, so that its path must be plain.
B := build
SPECIAL := \# $$ % : ; ' " ` \ * ? [ ] { } ( ) < > | & ! = ^
ifneq ($(strip $(filter-out 1,$(words x$(B)x)) $(foreach each,$(SPECIAL),$(findstring $(each),$(B))) \
  $(filter ..,$(subst /, ,$(B))) $(filter ~% -%,$(B)) $(if $(B),,empty)),)
$(error build in B='$(B)': make cannot use this path; name one of letters, digits and . _ + , @ - / without ".." in it)
endif
# `make clean` removes build/, what is in it, and directories with this file, which a build writes only into an empty one.
OWN := $(B)/.ib-sriov-build
# Prerequisites of each command that writes into B.
READY := setup $(OWN)
SOURCES := $(shell find src -name '*.ts')

# native/startup/quickjs/ is compiled as a part of the engine.
NATIVE := $(patsubst native/%.c,%,$(wildcard native/*/*.c))
INCLUDE := -Inative/host -Inative/engine -Inative/startup
HEADERS := $(wildcard native/*/*.h)
# musl and the engine: scripts/libraries.
TREE := $(B)/libraries
LIBQUICKJS := $(TREE)/lib/libquickjs.a

# OCI's name of the architecture.
CPU := $(firstword $(subst -, ,$(MULTIARCH)))
ARCHITECTURE := $(or $(patsubst x86_64,amd64,$(filter x86_64,$(CPU))),$(patsubst aarch64,arm64,$(filter aarch64,$(CPU))),$(patsubst powerpc64le,ppc64le,$(CPU)))
# The other architectures that a node can have.
FOREIGN := $(filter-out $(ARCHITECTURE),amd64 arm64 ppc64le)
EXECUTABLES := $(B)/ib-sriov $(FOREIGN:%=$(B)/%/ib-sriov)

# ---- flags ----

WARNINGS := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter -Werror
# Debian's hardening flags (dpkg-buildflags), written here so that dpkg-dev is not needed. musl has no _FORTIFY_SOURCE.
HARDENING := -fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security
# CET has no effect here: the kernel has no IBT for user space, and only glibc enables shadow stacks.
HARDENING += $(if $(findstring x86_64,$(MULTIARCH)),-fcf-protection=none)
# PAC, and BTI, which also needs native/startup/bti.s.
HARDENING += $(if $(findstring aarch64,$(MULTIARCH)),-mbranch-protection=standard)
PREFIX_MAP := -ffile-prefix-map="$$PWD"=.
# Separate sections let the linker leave out unused code, such as the engine's parser of JavaScript. Fixed addresses
# (native/startup/image.h) need no relocation at start-up, and let constants be read-only from the beginning.
# gcc for arm64 makes unwind tables unless both of their flags are given.
# With this limit of inlining, -Os makes the executable 135 KB smaller than -O2 (gcc 14), and an ADD that fails takes 3 %
# more instructions; with the limit of -Os itself it takes 11 % more, for another 30 KB.
RELEASE := -Os --param max-inline-insns-size=12 -fno-pie -ffunction-sections -fdata-sections \
  -fno-asynchronous-unwind-tables -fno-unwind-tables $(HARDENING)
# musl supports only this type of long double on POWER (see its INSTALL). Outline atomics of libgcc need glibc.
RELEASE += $(if $(findstring powerpc64le,$(MULTIARCH)),-mlong-double-64)
RELEASE += $(if $(findstring aarch64,$(MULTIARCH)),-mno-outline-atomics)
RELEASE_CPPFLAGS = -D_GNU_SOURCE -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
  -isystem $(TREE)/libc/include -isystem $(TREE)/include $(INCLUDE) -I$(B)/include $(WITHOUT:%=-DIB_SRIOV_WITHOUT_%)
# RELRO would have no effect: constants are read-only from the beginning, and only musl's dynamic loader applies it.
# The dependency file lists all files that were linked, for scripts/sbom.mjs.
RELEASE_LINK = -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,norelro,-z,separate-code -Wl,--build-id=none \
  -Wl,--dependency-file=$@.d $(TREE)/libc/lib/crt1.o
LIBRARIES := -L$(TREE)/lib -lquickjs -L$(TREE)/libc/lib -lc -lgcc
# `make ablation` builds executables that each lack a piece of the fast start (native/startup/ablation). The engine refers
# to no structure whose layout differs between musl and glibc.
WITHOUT ?=
ifeq ($(WITHOUT),MUSL)
RELEASE_CPPFLAGS = -D_GNU_SOURCE -isystem $(TREE)/include $(INCLUDE) -I$(B)/include
RELEASE_LINK = -static -no-pie -Wl,--gc-sections
LIBRARIES = -L$(TREE)/lib -lquickjs -lm
endif
# The sanitizers need the system's libc. They find more errors with Debian's unchanged QuickJS (scripts/libraries), whose
# values are all freed: IB_SRIOV_FREE_ALL frees the engine at the end.
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DIB_SRIOV_FREE_ALL
BUILD_CPPFLAGS := -D_GNU_SOURCE -isystem $(TREE)/tool/include $(INCLUDE) -I$(B)/include
BUILD_LIBRARIES := -L$(TREE)/tool/lib -lquickjs -lm

# Man pages, completion scripts and documents. This page is the last that appears.
MAN := $(B)/share/man/man8/ib-sriov.8
# In the folders that their links expect.
DOCUMENTS := README.md CHANGELOG.md LICENSE $(shell find docs -type f)
COMPLETIONS := bash-completion/completions/ib-sriov zsh/site-functions/_ib-sriov fish/vendor_completions.d/ib-sriov.fish

# ---- targets to call ----

.PHONY: build
build: $(B)/ib-sriov $(MAN) ## build/ib-sriov, the executable (the default)

.PHONY: cross
cross: $(FOREIGN:%=$(B)/%/ib-sriov) ## build/arm64/ib-sriov and build/ppc64le/ib-sriov, with compilers that it downloads

.PHONY: build-asan
build-asan: $(B)/asan/ib-sriov ## build/asan/ib-sriov, with the address and undefined-behavior sanitizers

.PHONY: test
test: build cross build-asan $(B)/host-test $(B)/asan/host-test ## all tests: lint, types, unit, simulator, native, e2e
	@$(NODE) scripts/test.mjs

.PHONY: lint unit simulator native e2e
lint: setup ## format, lint, spelling, prose and types only
	@$(NODE) scripts/test.mjs format spelling prose types test-types
unit: setup ## unit tests only
	@$(NODE) scripts/test.mjs unit
simulator: setup ## tests on a model of a node only
	@$(NODE) scripts/test.mjs simulator
native: build cross build-asan $(B)/host-test $(B)/asan/host-test ## tests of the executable and of native/ only
	@$(NODE) scripts/test.mjs native
e2e: build ## tests in the virtual node only; SHARD=1/3: a third of them; PEER=path: with the Go plugin at that path
	@$(NODE) scripts/test.mjs e2e

# Targets to make there: all tests without virtual nodes.
TARGETS := lint unit simulator native
.PHONY: plain-debian
plain-debian: ## as root: the build and the tests TARGETS='lint unit …' in a Debian with only make, Node.js and npm
	@scripts/plain-debian $(TARGETS)

SECONDS := 60
.PHONY: fuzz
fuzz: build build-asan $(B)/host-test $(B)/asan/host-test ## fuzz tests for SECONDS=60, or with 0 those of `make test`; FUZZ_SEED=… FUZZ_CASE=… repeat one case
	@FUZZ_SECONDS=$(SECONDS) $(NODE) scripts/test.mjs fuzz

# The directory in which container runtimes look for plugins.
CNI_BIN_DIR ?= /opt/cni/bin
# The directory in which systemd looks for units that do not belong to a package.
UNIT_DIR ?= /usr/local/lib/systemd/system
# The directory of man pages and completion scripts.
SHARE_DIR ?= /usr/local/share
export CNI_BIN_DIR UNIT_DIR SHARE_DIR DESTDIR

# Builds nothing, also if sources have changed since the last build.
.PHONY: install
install: ## copies ib-sriov to CNI_BIN_DIR (/opt/cni/bin), units, man pages, completions and docs, below DESTDIR
	@scripts/install $(B)

.PHONY: versions
versions: setup ## prints the versions of what is linked in: musl, QuickJS, libgcc, and of the compiler
	@$(NODE) scripts/versions.mjs $(HANDED_OUT)

.PHONY: reference
reference: setup ## writes docs/reference/cli.md and the table of docs/reference/hardware-reports.md, which tests compare
	$(Q)$(NODE) scripts/reference.mjs markdown >docs/reference/cli.md
	$(Q)$(NODE) scripts/hardware-reports.mjs --write

OVERLAYS := $(patsubst deploy/%/kustomization.yaml,%,$(wildcard deploy/*/kustomization.yaml))
.PHONY: manifests
manifests: setup ## writes deploy/rendered/, which a test compares with what kustomize renders
	@mkdir -p deploy/rendered
	$(Q)for overlay in $(OVERLAYS); do { \
	  echo "# deploy/$$overlay for kubectl without kustomize. \`make manifests\` writes this file." && \
	  scripts/with kustomize kustomize build deploy/$$overlay; \
	} >deploy/rendered/$$overlay.yaml || exit 1; done

.PHONY: image
image: $(B)/SHA256SUMS ## the container image for all three architectures as an OCI archive in build/, SBOM and checksums

# The field Maintainer of Debian packages and Packager of RPM packages: name <address>.
PACKAGER ?= The ib-sriov project
.PHONY: packages
packages: build $(EXECUTABLES) ## Debian and RPM packages for all three architectures, in build/packages/
	$(call say,package,$(B)/packages)
	$(Q)rm -rf $(B)/packages $(B)/packaged
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(B)/packaged UNIT_DIR=/usr/lib/systemd/system SHARE_DIR=/usr/share
	$(Q)PACKAGER='$(PACKAGER)' scripts/packages $(B)/packages $(B)/packaged $(CNI_BIN_DIR) $(B)/include/build.h $(HANDED_OUT)
	$(Q)cd $(B)/packages && sha256sum *.deb *.rpm >SHA256SUMS

# The image's name in its registry, without a tag.
IMAGE ?=
# The address of the sources, for the image's label.
SOURCE_URL ?=
export SOURCE_URL

.PHONY: release releasable verify-release
release: releasable $(B)/SHA256SUMS ## all files of a release, in build/release/: IMAGE=REGISTRY/NAME SOURCE_URL=…
	# Commits without a tag are tested there by the nightly workflow.
	$(Q)! git describe --tags --match 'v[0-9]*' --exact-match >/dev/null 2>&1 || scripts/plain-debian $(TARGETS)
	$(call say,release,$(B)/release)
	$(Q)$(NODE) scripts/release/make.mjs $(B) '$(IMAGE)' $(HANDED_OUT)
releasable: $(B)/include/build.h
	$(Q)$(NODE) scripts/release/make.mjs $(B) '$(IMAGE)'

DIR ?= $(B)/release
verify-release: ## checks the files of a release in DIR (build/release/)
	$(Q)$(NODE) scripts/release/verify.mjs '$(DIR)'

.PHONY: demo
demo: build ## boots the virtual node, attaches two pods, pings, sends by RDMA, and detaches them
	@vhca/demo

.PHONY: bench
bench: build ## measures start-up, memory, system calls, ADD and DEL; PEER=path also measures another plugin
	@bench/run $(PEER)

.PHONY: scale
scale: build ## measures what attachments cost a node and the fabric, and commands on a node with 1,000 records
	@bench/scale

.PHONY: ablation
ablation: build ## measures the start without the image, the allocator … (native/startup/): what each piece gains
	@native/startup/ablation

.PHONY: format
format: setup ## formats the sources
	@node_modules/.bin/biome check --write .

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

.PHONY: setup
setup: ## installs missing Debian and npm packages
	@scripts/setup

.PHONY: clean
clean: ## removes build/
	@$(if $(filter build build/%,$(B)),,[ ! -e $(B) ] || [ -e $(OWN) ] || { \
	  echo "remove $(B): not possible, because no build has made this directory" >&2; exit 1; })
	rm -rf $(B)

$(OWN):
	@$(if $(filter build build/%,$(B)),,[ -z "$$(ls -A $(B) 2>/dev/null)" ] || { \
	  echo "build in $(B): the directory contains other files; name a new or an empty directory" >&2; exit 1; })
	@mkdir -p $(@D)
	@echo 'ib-sriov has made this directory, and "make clean" removes it.' >$@

# ---- the program ----

BUNDLING := scripts/bundle.mjs scripts/commands.mjs scripts/absent.mjs native/startup/touch.mjs

# Also makes $(B)/commands/*.js.
$(B)/program.js: $(SOURCES) native/host/host.d.ts $(BUNDLING) tsconfig.json package-lock.json Makefile | $(READY)
	@mkdir -p $(@D)
	$(call say,bundle,$(B)/)
	$(Q)$(NODE) scripts/bundle.mjs $(B) $(filter TOUCH,$(WITHOUT))

$(B)/program.bytecode: $(B)/program.js $(B)/compile
	$(call say,compile,$@)
	$(Q)$(B)/compile $< >$@
$(B)/commands.bytecode: $(B)/program.js $(B)/compile
	$(call say,compile,$@)
	$(Q)$(B)/compile --commands $(B)/commands/*.js >$@
BYTECODE := $(B)/program.bytecode $(B)/commands.bytecode

# Version, commit and date; replaced only if the content changed. The date is the commit's, so that builds are
# reproducible.
$(B)/include/build.h: FORCE | $(OWN)
	@mkdir -p $(@D)
	@scripts/build-header >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

# Refuses other architectures, with the line that scripts/cross prints for them.
.PHONY: supported
supported:
	$(if $(filter amd64 arm64 ppc64le,$(ARCHITECTURE)),,$(error $(shell scripts/cross $(ARCHITECTURE) 2>&1)))

# ---- libraries ----

# Checked by each make, because apt can offer other versions of the sources. If nothing has changed, nothing is copied.
$(LIBQUICKJS): FORCE | supported $(READY)
	$(Q)CC='$(CC)' AR='$(AR)' CFLAGS='$(RELEASE)' scripts/libraries $(TREE)

# ---- objects and executables, in two variants ----

# $(1) variant, $(2) compiler flags, $(3) preprocessor flags
define variant
$(B)/$(1)/%.o: native/%.c $(HEADERS) $(LIBQUICKJS) Makefile | $(READY)
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(CC) $(WARNINGS) $(3) $$(PREFIX_MAP) $(2) -c -o $$@ $$<
endef
$(eval $(call variant,obj,$(RELEASE),$$(RELEASE_CPPFLAGS)))
$(eval $(call variant,asan,$(ASAN),$$(BUILD_CPPFLAGS)))

OBJECTS := $(NATIVE:%=%.o)

# The scripts that find out what is linked, and write its licenses.
NOTICES := $(wildcard scripts/third-party/*) scripts/origins.mjs scripts/build-results.mjs

# Room for any image, in bytes.
ROOMY := 0x400000

BLOBS := -DPROGRAM='"$(B)/program.bytecode"' -DCOMMAND_SCRIPTS='"$(B)/commands.bytecode"'

# Links an executable that has room for the image of its memory, and no image yet. $(1) name of the executable, $(2) bytes of
# room, $(3) -DNOTICES=FILE for the texts of `ib-sriov licenses`, or empty
define untaken
	$(Q)$(CC) -c $(BLOBS) $(3) -DIMAGE_BYTES=$(2) -o $(1).image.o native/startup/image.S
	$(Q)$(CC) $(RELEASE_LINK) -Wl,--wrap=gettimeofday -o $(1) $(filter %.o,$^) $(1).image.o $(LIBRARIES)
endef

ifneq ($(filter IMAGE,$(WITHOUT)),)
$(B)/ib-sriov: $(OBJECTS:%=$(B)/obj/%) native/startup/image.S native/startup/bti.s $(BYTECODE)
	$(call say,link,$@)
	$(call untaken,$@,$(ROOMY),)
else
# Linked twice: the first executable has room for any image and shows the image's size, and what is linked; the second has
# exactly this room and is filled with its image. Executables of `make ablation` have no notices.
$(B)/ib-sriov: $(OBJECTS:%=$(B)/obj/%) native/startup/image.S native/startup/bti.s $(BYTECODE) $(NOTICES)
	$(call say,link,$@)
	$(call untaken,$(B)/obj/roomy,$(ROOMY),)
	$(Q)$(RUN) $(B)/obj/roomy >$(B)/obj/roomy.image
	$(if $(WITHOUT),,$(Q)$(NODE) scripts/third-party/notices.mjs $(B)/obj $(ARCHITECTURE)=$@)
	$(if $(WITHOUT),,$(Q)cat $(B)/obj/NOTICE <(echo) $(B)/obj/THIRD_PARTY_NOTICES >$(B)/obj/notices)
	$(call untaken,$(B)/obj/untaken,$$(stat -c %s $(B)/obj/roomy.image),$(if $(WITHOUT),,-DNOTICES='"$(B)/obj/notices"'))
	$(call say,image,$@)
	$(Q)$(RUN) $(B)/obj/untaken >$(B)/obj/image
	$(Q)$(OBJCOPY) --update-section .image=$(B)/obj/image $(B)/obj/untaken $(B)/obj/ib-sriov
	$(Q)$(STRIP) -o $@ $(B)/obj/ib-sriov
endif
$(B)/asan/ib-sriov: $(OBJECTS:%=$(B)/asan/%) native/startup/image.S native/startup/bti.s $(BYTECODE)
	$(call say,link,$@)
	$(Q)$(CC) -c $(BLOBS) -DIMAGE_BYTES=$(ROOMY) -o $(B)/asan/bytecode.o native/startup/image.S
	$(Q)$(CC) $(ASAN) -o $@ $(filter %.o,$^) $(B)/asan/bytecode.o $(BUILD_LIBRARIES)

# ---- man pages, completion scripts and documents ----

$(MAN): $(B)/ib-sriov scripts/reference.mjs scripts/commands.mjs $(wildcard scripts/reference/*) $(DOCUMENTS)
	$(call say,share,$(B)/share/)
	$(Q)rm -rf $(B)/share $(B)/share.new
	$(Q)for script in $(COMPLETIONS); do shell=$${script%%[-/]*} && mkdir -p $(B)/share.new/$$(dirname $$script) && \
	  $(RUN) $(B)/ib-sriov completion $$shell >$(B)/share.new/$$script || exit 1; done
	$(Q)$(NODE) scripts/reference.mjs man $(B)/share.new/man/man8 $(B)/include/build.h
	$(Q)for document in $(DOCUMENTS); do \
	  install -D --mode=644 $$document $(B)/share.new/doc/ib-sriov/$$document || exit 1; done
	$(Q)cp $(B)/obj/NOTICE $(B)/obj/THIRD_PARTY_NOTICES $(B)/share.new/doc/ib-sriov/
	$(Q)mv $(B)/share.new $(B)/share

# ---- executables for other architectures ----

# A separate build in a subdirectory, with the CC, STRIP, RUN … that scripts/cross prints.
$(FOREIGN:%=$(B)/%/ib-sriov): $(B)/%/ib-sriov: FORCE | setup
	$(Q)tools=$$(scripts/cross $*) && eval "$(MAKE) --no-print-directory B=$(B)/$* $$tools $(B)/$*/ib-sriov"

# ---- release artifacts ----

# ARCHITECTURE=EXECUTABLE …
HANDED_OUT := $(ARCHITECTURE)=$(B)/ib-sriov $(foreach each,$(FOREIGN),$(each)=$(B)/$(each)/ib-sriov)

# Also writes NOTICE.
$(B)/THIRD_PARTY_NOTICES: $(EXECUTABLES) $(NOTICES)
	$(call say,notices,$@)
	$(Q)$(NODE) scripts/third-party/notices.mjs $(B) $(HANDED_OUT)

$(B)/ib-sriov.tar: $(EXECUTABLES) $(B)/THIRD_PARTY_NOTICES scripts/image LICENSE
	$(call say,image,$@)
	$(Q)scripts/image $@ $(B)/include/build.h $(HANDED_OUT)

$(B)/ib-sriov.cdx.json: $(EXECUTABLES) scripts/sbom.mjs $(NOTICES)
	$(call say,sbom,$@)
	$(Q)$(NODE) scripts/sbom.mjs $@ $(B)/include/build.h $(HANDED_OUT)

$(B)/SHA256SUMS: $(EXECUTABLES) $(B)/ib-sriov.tar $(B)/ib-sriov.cdx.json
	$(Q)cd $(B) && sha256sum $(patsubst $(B)/%,%,$^) >$(@F)

# ---- the bytecode compiler: runs during the build, with the same engine ----

TOOL := $(filter-out startup/main.o startup/image.o,$(NATIVE:%=%.o)) compile.o

# The only file that contains version, commit and date.
$(addsuffix /host/process.o,$(B)/obj $(B)/asan $(B)/tool): $(B)/include/build.h
$(B)/tool/%.o: native/%.c $(HEADERS) $(LIBQUICKJS) Makefile | $(READY)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(BUILD_CC) $(WARNINGS) $(BUILD_CPPFLAGS) -O1 -c -o $@ $<
$(B)/tool/compile.o: scripts/compile.c $(HEADERS) $(LIBQUICKJS) Makefile | $(READY)
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(BUILD_CC) $(WARNINGS) $(BUILD_CPPFLAGS) -O1 -c -o $@ $<
$(B)/compile: $(TOOL:%=$(B)/tool/%)
	$(call say,link,$@)
	$(Q)$(BUILD_CC) -o $@ $^ $(BUILD_LIBRARIES)

# ---- the executable that the tests of native/ run (both variants) ----

HOST_TEST := $(filter-out startup/main.o startup/image.o,$(OBJECTS)) host-test.o

define host_test
$(B)/$(1)/host-test.o: test/native/host/host-test.c $(HEADERS) $(LIBQUICKJS) Makefile | $(READY)
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(CC) $(WARNINGS) $(3) $$(PREFIX_MAP) $(2) -c -o $$@ $$<
endef
$(eval $(call host_test,obj,$(RELEASE),$$(RELEASE_CPPFLAGS)))
$(eval $(call host_test,asan,$(ASAN),$$(BUILD_CPPFLAGS)))

$(B)/host-test: $(HOST_TEST:%=$(B)/obj/%)
	$(call say,link,$@)
	$(Q)$(CC) $(RELEASE_LINK) -o $@ $^ $(LIBRARIES)
$(B)/asan/host-test: $(HOST_TEST:%=$(B)/asan/%)
	$(call say,link,$@)
	$(Q)$(CC) $(ASAN) -o $@ $^ $(BUILD_LIBRARIES)

.SECONDARY:
