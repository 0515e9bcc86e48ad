# rackstart: what people do here, one line each. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup release ## Set up, then install the paper's five servers as virtual machines (NODES="controller compute2" for some)
	tests/rack/demo

test: setup ## Set up, then run every test, two whole life cycles on virtual machines among them
	tests/run

build: firmware ## Build for development
	$(CARGO) build --locked

release: firmware ## Build the optimised binary, target/release/rackstart
	$(CARGO) build --locked --release

setup: ## Install what the tests and the demo need (apt packages, as root) and build the virtual rack's images
	tests/setup

firmware: ## Collect the network boot programs from the distribution's iPXE package
	@firmware/collect

lint: firmware ## Format check, clippy with warnings as errors, shellcheck
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	tests/lint

bench: release ## Measure against peers, in the same run
	$(CARGO) bench --locked
	tests/bench/boot

fmt: ## Format the Rust sources
	$(CARGO) fmt

clean: ## Remove what was built, the virtual rack's images included
	$(CARGO) clean
	rm -rf build firmware/*.efi firmware/*.kpxe

.PHONY: help demo test build release setup firmware lint bench fmt clean
