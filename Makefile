# Forehearth from a fresh Debian or Ubuntu machine that has rustup and make.
# Every target installs what it lacks first (tests/setup/install.sh).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# nextest runs every test in a process of its own, and so more at once.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test --lib --bins --tests)

.PHONY: help demo test soak fuzz bench cross cross-test packages boot no-std firmware deny format lint doc binaries

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Watch a simulated plant survive cut networks, dead PLCs and kill -9.
	@tests/setup/install.sh build
	cargo build --package forehearth --package forehearth-sim --locked
	target/debug/forehearth demo $(DEMO_ARGS)

test: ## Format, lints, docs, unit, property and end-to-end tests. Starts its own services.
	@tests/setup/install.sh test
	$(MAKE) --no-print-directory format lint doc binaries
	FOREHEARTH_SEEDS=$(SEEDS) cargo $(TEST) --workspace --locked
	cargo test --workspace --locked --doc

# make test: a few seconds. make soak SEEDS=1000000: half an hour.
SEEDS ?= 10000
# Hostile answers of Modbus devices. make test: 1,500.
HOSTILE ?= 100000
# Power cuts and kill -9 of the gateway. make test: 10 and 8.
CUTS ?= 60
KILLS ?= 100

soak: ## The buffer under SEEDS histories of faults, the gateway under CUTS and KILLS, Modbus under HOSTILE wrong answers; a seed that fails is printed.
	FOREHEARTH_SEEDS=$(SEEDS) cargo test --locked --package forehearth-buffer --lib -- --nocapture chance
	@$(MAKE) --no-print-directory binaries
	FOREHEARTH_CUTS=$(CUTS) cargo test --locked --package forehearth-tests --test power -- --nocapture power_cuts
	FOREHEARTH_KILLS=$(KILLS) cargo test --locked --package forehearth-tests --test kills -- --nocapture kills_at
	FOREHEARTH_HOSTILE=$(HOSTILE) cargo test --locked --package forehearth-tests --test modbus -- --nocapture --test-threads 1 wrong_value hostile

# Seconds for each target of protocols/modbus/fuzz.
TIME ?= 60

fuzz: ## Whatever a Modbus device may send, TIME seconds for each of four targets.
	@tests/setup/install.sh test
	protocols/modbus/fuzz/run.sh $(TIME)

bench: ## Values per second, CPU, memory, latency and bytes per value, printed.
	@tests/setup/install.sh test
	cargo build --release --package forehearth --package forehearth-sim
	cargo bench --package forehearth-tests --bench gateway
	cargo run --release --package forehearth-driver-modbus --example requests

# Which processors: arm64, armhf, amd64.
TARGETS ?= arm64 armhf

cross: ## Build the gateway for TARGETS without Docker; sizes are held to cross/limits.toml.
	for target in $(TARGETS); do cross/build.sh $$target; done

cross-test: ## Kill and restart what `make cross` built, under qemu, between real peers.
	@tests/setup/install.sh test
	for target in $(TARGETS); do cross/try.sh $$target; done

packages: ## .deb, tarball, SBOM and licences of what `make cross` built, and their SHA-256.
	for target in $(TARGETS); do cross/package.sh $$target; done

boot: ## Boot a Debian with the package for amd64 in an emulator: ready, kill -9, reload, watchdog. As root.
	cross/build.sh amd64
	cross/package.sh amd64
	deb=$$(ls -t $${FOREHEARTH_CROSS_DIR:-target/cross}/packages/forehearth_*_amd64.deb | head -n 1); \
	cross/try-package.sh $$deb && cross/boot.sh $$deb

no-std: ## Compile firmware-shims for Cortex-M0+, Cortex-M4F and RISC-V, where there is no heap and no std.
	cross/no-std.sh check

firmware: no-std ## Build the node for a Raspberry Pi Pico; prints the flash and RAM it takes.
	cross/no-std.sh board

deny: ## Licences, sources and banned libraries (cargo-deny); advisories where their database is.
	cross/deny.sh

format:
	rustc --version | grep --quiet --fixed-strings "rustc $$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) "
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- --deny warnings

doc:
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --locked --quiet

# The end-to-end tests run these.
binaries:
	cargo build --package forehearth --package forehearth-sim --locked
