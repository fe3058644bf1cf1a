# `make demo` runs the main job, `make test` everything that CI checks. Both install what is missing.
.PHONY: help demo test generate check-generated sample
.DEFAULT_GOAL := help
SHELL := /bin/bash
GAMEDAY := target/debug/gameday

help:
	@echo "make demo      build, and rehearse the full failover in the lab (about 5 min)"
	@echo "make test      formatting, lints, generated files, all tests"
	@echo "make generate  write docs/schema again"
	@echo "make sample    write reports/sample-full-failover again"

# aws-lc, the one crypto library, is C.
tools:
	@command -v cc >/dev/null || { echo "a C compiler is missing: installing build-essential"; \
	  $$( [ "$$(id -u)" = 0 ] || echo sudo ) apt-get update -q && \
	  $$( [ "$$(id -u)" = 0 ] || echo sudo ) apt-get install -qy build-essential; }

demo: tools
	cargo build
	$(GAMEDAY) run scenarios/full-failover.toml

test: tools
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo build
	$(MAKE) check-generated
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run; else cargo test -- --test-threads=1; fi

generate:
	mkdir -p docs/schema
	$(GAMEDAY) schema scenario > docs/schema/scenario.schema.json
	$(GAMEDAY) schema environment > docs/schema/environment.schema.json

check-generated:
	@for kind in scenario environment; do \
	  $(GAMEDAY) schema $$kind | diff -u docs/schema/$$kind.schema.json - || { echo "docs/schema is stale: run make generate"; exit 1; }; \
	done

sample:
	rm -rf reports/sample-full-failover
	$(GAMEDAY) run scenarios/full-failover.toml --speed 10 --seed 2 --no-progress --out reports/sample-full-failover
	rm -f reports/sample-full-failover/events.ndjson
