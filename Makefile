# Two commands matter: `make demo` shows the relay at work, `make test` proves it.
# Both install what is missing (Debian packages, mongod), build, and stop what they started.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

# One set of flags: what is built once serves the demo, the tests and the micro-benchmarks.
# -enable-testing lets tests see internals of release code.
SWIFT_FLAGS := -c release -Xswiftc -enable-testing
BUILD_FLAGS := $(SWIFT_FLAGS) --build-tests
SWIFT_SOURCES := Package.swift Sources Tests

# The servers that demo and tests start; what the environment names already takes precedence.
# (Assigned first and exported then: a failing command in `export X=$(...)` would go unnoticed.)
SERVERS = MONGOD="$$(scripts/fetch-mongod)"; PG_BIN="$$(scripts/find-postgres)"; export MONGOD PG_BIN

.PHONY: help demo test build setup lint format bench image-check fresh-machine clean

help: ## Show the targets
	@cd '$(ROOT)'
	echo "make TARGET, where TARGET is one of:"
	awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

demo: ## Orders in MongoDB, events in PostgreSQL: watch them arrive, and see that every one does
	@cd '$(ROOT)'
	scripts/setup
	$(SERVERS)
	scripts/build $(BUILD_FLAGS)
	exec .build/release/relay-demo $(DEMO_ARGUMENTS)

test: setup lint ## Everything CI runs: lint, unit, integration and fault tests (TEST_ARGUMENTS='--filter NAME')
	@cd '$(ROOT)'
	$(SERVERS)
	scripts/build $(BUILD_FLAGS)
	# Every test is Swift Testing's; without XCTest's empty run there is one summary, not two.
	# First what needs no servers, then what uses them, then what breaks them and measures: none disturbs another.
	if [[ -n '$(TEST_ARGUMENTS)' ]]; then
	    exec swift test $(SWIFT_FLAGS) --skip-build --disable-xctest $(TEST_ARGUMENTS)
	fi
	swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --skip IntegrationTests --skip FaultTests
	swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --filter IntegrationTests
	swift test $(SWIFT_FLAGS) --skip-build --disable-xctest --filter FaultTests

build: setup ## Build the relay, the demo and the tests into .build/release
	@cd '$(ROOT)'
	scripts/build $(BUILD_FLAGS)

setup: ## Install the Debian packages that are missing
	@cd '$(ROOT)'
	scripts/setup

lint: ## Check the formatting of the Swift sources
	@cd '$(ROOT)'
	scripts/check-swift
	echo "Checking the format of the sources."
	swift format lint --strict --parallel --recursive --configuration .swift-format $(SWIFT_SOURCES)

format: ## Format the Swift sources in place
	@cd '$(ROOT)'
	scripts/check-swift
	swift format --in-place --parallel --recursive --configuration .swift-format $(SWIFT_SOURCES)

bench: setup ## Measure throughput, latency, memory and idle cost, webhooks, and BSON to JSON (BENCH_ARGUMENTS='--rounds 5')
	@cd '$(ROOT)'
	$(SERVERS)
	scripts/build $(BUILD_FLAGS)
	mkdir -p .build/pump
	cc -O2 -o .build/pump/pump Benchmarks/pump.c $$(pkg-config --cflags --libs libmongoc-1.0 libpq)
	.build/release/relay-demo figures --pump '$(ROOT)/.build/pump/pump' $(BENCH_ARGUMENTS)
	PATH="$$(scripts/fetch-bench-tools):$$PATH" .build/release/relay-demo webhooks
	swift run -c release --package-path Benchmarks BSONBenchmark

image-check: ## As root: replay the image's package list in a chroot and run the binary there
	@cd '$(ROOT)'
	docker/check

fresh-machine: ## As root: prove `make demo` and `make test` in a fresh Debian 12 chroot
	@cd '$(ROOT)'
	scripts/fresh-machine make demo
	scripts/fresh-machine make test

clean: ## Remove what was built; the fetched mongod and installed packages stay
	@cd '$(ROOT)'
	rm -rf .build .build-* Benchmarks/.build
