# The targets that people use, one line each. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
PREFIX ?= /usr/local
BINARY ?= target/release/rackstart
SHARED := bash-completion/completions zsh/site-functions fish/vendor_completions.d man/man1
export CARGO
export CARGO_TERM_COLOR ?= auto
# The steps of a target build on each other; `make -j` must not mix them.
.NOTPARALLEL:

help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: cost setup release ## Set up, then install the paper's five servers as virtual machines (NODES="controller compute2" for some)
	tests/rack/demo

demo-cloud: cost-cloud release ## Run a current cloud for real: OpenStack 2025.1 on three nodes in namespaces, from the boot script to a reimage (as root)
	tests/cloud/setup
	tests/cloud/demo

test: ## Set up, then run every test, including two whole life cycles on virtual machines
	BUILD=yes tests/setup
	tests/run

test-long: ## Run tests that take too long for every commit: lists the parts, PART=name runs one
	@tests/long/run $(PART)

build: compiler firmware ## Build for development
	$(CARGO) build --locked

release: compiler firmware ## Build the optimised binary, target/release/rackstart, and its list of crates, rackstart.cdx.json
	packaging/reproducibly $(CARGO) build --locked --release
	@if command -v python3 >/dev/null; then tests/sbom >target/release/rackstart.cdx.json; \
	else echo "make: python3 is missing, so target/release/rackstart.cdx.json was not written"; fi

packages: compiler firmware ## Make a .deb and an .rpm in build/packages, for glibc 2.28 and later (BINARY=FILE packs that one)
	packaging/packages

appliance: compiler firmware ## Make a bootable image with rackstart and Debian 13, build/rackstart-VERSION.iso (as root; BINARY=FILE packs that one)
	packaging/appliance/build

install: ## Install the binary, its man pages, completions and systemd service (as root; PREFIX=/usr/local, DESTDIR= for packages)
	@test -x $(BINARY) || { echo "make: $(BINARY) is missing; build it first: make release" >&2; exit 1; }
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/rackstart
	install -D -m 0644 templates/systemd/rackstart.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/rackstart.conf
	install -D -m 0644 templates/systemd/rackstart.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/rackstart.conf
	install -D -m 0644 templates/systemd/rackstart.sysctl $(DESTDIR)$(PREFIX)/lib/sysctl.d/60-rackstart.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@BINDIR@,$(PREFIX)/bin,' templates/systemd/rackstart.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/rackstart.service
	chmod 0644 $(DESTDIR)$(PREFIX)/lib/systemd/system/rackstart.service
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,$(SHARED))
	$(BINARY) completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rackstart
	$(BINARY) completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rackstart
	$(BINARY) completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rackstart.fish
	$(BINARY) man $(DESTDIR)$(PREFIX)/share/man/man1
	@test -n "$(DESTDIR)" || echo "now: systemd-sysusers && systemd-tmpfiles --create && sysctl --system && systemctl daemon-reload; docs/operation.md has the next steps"

# Says what the demo will take, before anything is installed or built.
cost-cloud:
	@tests/cloud/demo --cost

cost:
	@! command -v python3 >/dev/null || tests/rack/demo --cost

setup: ## Install what the tests and the demo need (apt packages, as root) and build the virtual rack's images
	tests/setup

firmware: ## Collect the network boot programs from the distribution's iPXE package
	@firmware/collect

# Replaces cargo's own message, because "linker `cc` not found" names no package.
compiler:
	@command -v $(firstword $(CARGO)) >/dev/null || { echo "make: cargo is missing; install Rust, for example from https://rustup.rs" >&2; exit 1; }
	@echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 || { echo "make: a C compiler is missing; as root: apt-get install gcc libc6-dev" >&2; exit 1; }

installer: ## Make the install tree of Debian 13 in build/debian13: kernel, rackstart's own installer, root file system (as root)
	REUSE=1 firmware/installer/build build/debian13

lint: compiler firmware ## Format check, clippy with warnings as errors, shellcheck, cargo-deny (ADVISORIES=DIR for advisories)
	tests/lint

bench: release ## Benchmark beside comparable programs and write docs/benchmarks.md (as root; ROW="dhcp tftp" for some, ROUNDS=5)
	tests/bench/setup
	tests/bench/run

bench-quick: release ## Time the pure parts and count their instructions (valgrind)
	packaging/reproducibly $(CARGO) bench --locked --bench micro --bench render
	tests/bench/instructions

fmt: ## Format the Rust sources
	$(CARGO) fmt

clean: ## Remove everything that was built, including the virtual rack's images
	$(CARGO) clean
	rm -rf build firmware/*.efi firmware/*.kpxe

.PHONY: help cost cost-cloud demo demo-cloud test test-long build release packages appliance install setup firmware installer compiler lint bench bench-quick fmt clean
