# `make run` and `make test` are all that a fresh machine needs: what they need besides Rust, `make setup` installs.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Where `.ci/setup` puts a Node.js of its own, when the machine's is missing or too old for the playground's build.
export PATH := $(CURDIR)/.tools/node_modules/.bin:$(PATH)

.PHONY: help run test test-faults fuzz bench web clients setup check clean

help:
	@echo "make run      build everything and serve on 127.0.0.1:8080"
	@echo "make test     install what the tests need, and run every test"
	@echo "make test-faults   the fault tests at length: kills, full disks, jumping clocks and the like on both databases"
	@echo "make fuzz     run the fuzz targets at length, each for a minute: make fuzz SECONDS=600 for longer"
	@echo "make bench    measure everything beside its floor and its peers, into docs/benchmarks.md (about an hour)"
	@echo "make check    format, lints, documentation and dependency directions"
	@echo "make web      build the playground"

run: web
	cargo build --release --bin hookgraph
	exec target/release/hookgraph serve

# Everything on SQLite, then what touches a database once more on PostgreSQL (the laws with fewer cases: each makes databases).
test: setup web clients
	cargo build --workspace
	cargo test --workspace
	HOOKGRAPH_TEST_DATABASE=postgres PROPTEST_CASES=12 cargo test --workspace --test it --test laws --test statements --test fuzz

# Everything that is measured, on this machine, into docs/benchmarks.md: about an hour. `bench --help` has the parts.
bench: setup web
	cargo build --release --workspace --bin hookgraph --bin bench
	target/release/bench peer install
	target/release/bench queries --database postgres
	target/release/bench queries --database sqlite
	target/release/bench ingest --database postgres
	target/release/bench ingest --database sqlite
	target/release/bench feed
	target/release/bench growth --database sqlite
	target/release/bench growth --database postgres
	target/release/bench build
	target/release/bench document

# Takes long, and root for the full disks. Another seed tries other moments and other victims: make test-faults SEED=2
FAULTS := clock:: cluster:: full:: journal:: kill:: outage:: poison:: processes:: rotation:: slow:: stalled::
test-faults: export HOOKGRAPH_FAULTS = long
test-faults: export HOOKGRAPH_FAULTS_SEED = $(SEED)
test-faults: setup web
	cargo build --workspace
	cargo test --workspace --test it -- --test-threads 1 --nocapture $(FAULTS)
	HOOKGRAPH_TEST_DATABASE=postgres cargo test --workspace --test it -- --test-threads 1 --nocapture $(FAULTS)

# Each target for so many seconds, from another seed if one is given: make fuzz SECONDS=600 SEED=2
# What a target fails on is told, and kept in a file: put it into tests/corpus beside the fix.
fuzz: SECONDS ?= 60
fuzz: export HOOKGRAPH_FUZZ_SECONDS = $(SECONDS)
fuzz: export HOOKGRAPH_FUZZ_SEED = $(SEED)
fuzz: setup web
	cargo build --workspace
	cargo test --workspace --lib -- --nocapture fuzz
	cargo test --workspace --test fuzz -- --test-threads 1 --nocapture
	HOOKGRAPH_TEST_DATABASE=postgres cargo test --workspace --test fuzz -- --test-threads 1 --nocapture

check:
	.ci/check

setup:
	.ci/setup

# Without npm the server is built with a plain page in the playground's place.
web:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web/dist/index.html; \
	else echo "npm is not installed: the playground is a plain page (install Node.js 20.19 or newer for the full one)"; fi

web/node_modules/.package-lock.json: web/package.json web/package-lock.json web/.npmrc
	cd web && npm ci --no-audit --no-fund
	touch $@

# The clients that the tests try the server with.
clients: tests/clients/node_modules/.package-lock.json

tests/clients/node_modules/.package-lock.json: tests/clients/package.json tests/clients/package-lock.json tests/clients/.npmrc
	cd tests/clients && npm ci --no-audit --no-fund
	touch $@

web/dist/index.html: web/node_modules/.package-lock.json web/index.html web/vite.config.js $(shell find web/src web/public -type f)
	cd web && npm run build
	touch api/src/http/playground.rs

clean:
	cargo clean
	rm -rf web/dist web/node_modules tests/clients/node_modules .tools
