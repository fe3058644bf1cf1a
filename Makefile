# `make demo` runs the main job, `make test` everything that CI checks. Both install what is missing.
.PHONY: help demo test boundaries build tools test-tools conformance-tools generate check-generated compare-generated reports samples strategies explore bench-accuracy bench-inject bench-log bench-preflight bench-time bench-users clean-tools
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash -o pipefail
GAMEDAY := $(or $(CARGO_TARGET_DIR),target)/debug/gameday
VENV := target/conformance/venv
# ministack wants another botocore than aws cli.
MINISTACK := target/conformance/ministack
# What reads reports; Chaos Toolkit wants much that the rest does not.
REPORTS := target/conformance/reports
NODE := target/conformance/node
# Committed runs: by scenario, and four quarters of the full failover.
SAMPLES := full-failover silent-trigger-failure retry-storm
QUARTERS := 1 2 3 4
STRATEGIES := native-replica bridge manual-sync
define newline


endef

help:
	@echo "make demo            build, and rehearse the full failover in the lab (about 5 min)"
	@echo "make test            formatting, lints, generated files, all tests"
	@echo "make generate        write docs/schema, docs/checks, docs/cli.md and the reports of the sample runs again"
	@echo "make samples         make the sample runs anew (about 5 min)"
	@echo "make strategies      run one scenario on each of the article's strategies, and write reports/strategies again (about 3 min)"
	@echo "make explore         play random runs with API faults, third parties, signals and crashes in virtual time; SEEDS=1..400 (about 10 min) or one seed"
	@echo "make bench-accuracy  compare 1,000 runs in virtual time, 1,000 with random settings and 50 in real time with the lab's ground truth"
	@echo "make bench-inject    time inject and restore of 1, 20 and 200 subnets on moto, beside aws-az-failure-chaostoolkit"
	@echo "make bench-log       memory and time of an event log with a million logins: recording it, and its report"
	@echo "make bench-preflight time preflight on the lab, directly and with 100 ms more for each call"
	@echo "make bench-time      processor time of drills in virtual time"
	@echo "make bench-users     time sign-ins by SRP on the lab, beside pycognito and amazon-cognito-identity-js (builds for release)"
	@echo "make clean-tools     remove the throw-away tools of the conformance tests"

demo: build
	$(GAMEDAY) run scenarios/full-failover.toml

# aws-lc, the one crypto library, is C.
tools:
	@scripts/need.sh cc=build-essential
	@command -v cargo >/dev/null || { echo "MISSING: cargo. Install Rust $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer with rustup" >&2; exit 1; }

test-tools: tools
	@scripts/need.sh dig=dnsutils python3=python3 python3-venv=python3-venv node=nodejs npm=npm setpriv=util-linux tmux=tmux chromium=chromium
	@mkdir -p target; for part in fmt clippy; do cargo $$part --version >/dev/null 2>&1 || rustup component add $${part/fmt/rustfmt} || \
	  { echo "MISSING: cargo $$part, and rustup could not add it" >&2; exit 1; }; done

conformance-tools: test-tools $(VENV)/installed $(MINISTACK)/installed $(REPORTS)/installed $(NODE)/installed

# Folders of their own, so that nothing of this machine changes.
define python-packages
python3 -m venv --clear $(@D)
@$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $< || \
  { echo "MISSING: the Python packages of $<, which pip could not install (see above)" >&2; exit 1; }
@touch $@
endef

$(VENV)/installed: tests/conformance/requirements.txt | test-tools
	$(python-packages)

$(MINISTACK)/installed: tests/conformance/ministack.txt | test-tools
	$(python-packages)

$(REPORTS)/installed: tests/conformance/reports.txt | test-tools
	$(python-packages)

$(NODE)/installed: tests/conformance/node/package.json | test-tools
	rm -rf $(NODE) && mkdir -p $(NODE) && cp $< $(NODE)/
	@npm --prefix $(NODE) install --no-audit --no-fund --no-package-lock || \
	  { echo "MISSING: the Node packages of $<, which npm could not install (see above)" >&2; exit 1; }
	@touch $@

build: tools
	cargo build

# clippy-driver is rustc with more lints: in its place one compilation gives lints, program and tests. A warning fails, also one of
# an earlier build, which cargo shows again. The runner comes last, so that its verdict is the last thing to read.
test: export RUSTC_WORKSPACE_WRAPPER = clippy-driver
test: conformance-tools
	cargo fmt --all --check
	$(MAKE) --no-print-directory boundaries
	cargo build --all-targets 2>&1 | tee target/lints.log
	@! grep -q '^warning' target/lints.log || { echo "FAIL: warnings, see above" >&2; exit 1; }
	$(MAKE) --no-print-directory compare-generated
	cargo test --doc
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run; else cargo test --lib --bins --tests -- --test-threads=1; fi

# What no `use` line shows: core's dependencies, the lab without the runner, the runner without the lab. Before the other build, which puts
# the whole program in its place again.
boundaries:
	@cargo tree -p gameday-core -e normal --prefix none > target/core.tree
	@! grep -E '^(aws|tokio|rustls)' target/core.tree || { echo "FAIL: gameday-core must not depend on these" >&2; exit 1; }
	cargo build -p gameday-lab
	cargo build --no-default-features

generate: build
	mkdir -p docs/schema
	$(GAMEDAY) schema scenario > docs/schema/scenario.schema.json
	$(GAMEDAY) schema environment > docs/schema/environment.schema.json
	$(GAMEDAY) schema baseline > docs/schema/baseline.schema.json
	$(GAMEDAY) schema run > docs/schema/run.schema.json
	$(GAMEDAY) preflight --docs docs/checks
	scripts/cli-help.sh $(GAMEDAY) > docs/cli.md
	$(MAKE) --no-print-directory reports

check-generated: build compare-generated

# With the program as it was built last: `cargo build` after building the tests would build it again, with other features of its
# dependencies.
compare-generated:
	@for kind in scenario environment baseline run; do \
	  $(GAMEDAY) schema $$kind | diff -u docs/schema/$$kind.schema.json - || { echo "docs/schema is stale: run make generate" >&2; exit 1; }; \
	done
	@rm -rf target/checks && $(GAMEDAY) preflight --docs target/checks && diff -ru docs/checks target/checks || { echo "docs/checks is stale: run make generate" >&2; exit 1; }
	@scripts/cli-help.sh $(GAMEDAY) | diff -u docs/cli.md - || { echo "docs/cli.md is stale: run make generate" >&2; exit 1; }
	@rm -rf target/reports && mkdir -p target/reports && cp -r reports/sample-* reports/strategies target/reports/
	@$(call render,target/reports)
	@for sample in reports/sample-* reports/strategies; do diff -ru $$sample target/$$sample || { echo "reports are stale: run make reports" >&2; exit 1; }; done

# Exit code 1, an objective missed, is what a scenario may be there for.
define sample-run
rm -rf $(1)
$(GAMEDAY) run scenarios/$(2).toml --time virtual --seed $(3) --no-progress --out $(1) || [ $$? -eq 1 ]
$(GAMEDAY) report $(1) --compress-log
endef

# The same seeds give the same runs, until the program changes.
samples: build
	$(foreach name,$(SAMPLES),$(call sample-run,reports/sample-$(name),$(name),7)$(newline))
	$(foreach quarter,$(QUARTERS),$(call sample-run,reports/sample-quarters/q$(quarter),full-failover,$(quarter))$(newline))
	$(MAKE) --no-print-directory reports

# The reports of the committed runs, from their event logs, in a folder.
define render
for name in $(SAMPLES); do $(GAMEDAY) report $(1)/sample-$$name > /dev/null || exit 1; done
for quarter in $(1)/sample-quarters/q*; do $(GAMEDAY) report $$quarter > /dev/null || exit 1; done
$(GAMEDAY) trend $(1)/sample-quarters/q* --format markdown --out $(1)/sample-quarters/trend.md
$(GAMEDAY) trend $(1)/sample-quarters/q* --format html --out $(1)/sample-quarters/trend.html
for strategy in $(STRATEGIES); do $(GAMEDAY) report $(1)/strategies/$$strategy > /dev/null || exit 1; done
$(GAMEDAY) compare-strategies --render --out $(1)/strategies > /dev/null
endef

reports: build
	$(call render,reports)

strategies: build
	rm -rf reports/strategies
	$(GAMEDAY) compare-strategies --seed 7 --out reports/strategies
	$(foreach name,$(STRATEGIES),$(GAMEDAY) report reports/strategies/$(name) --compress-log > /dev/null$(newline))
	$(MAKE) --no-print-directory reports

# One process for each seed, as many at once as there are processors.
SEEDS ?= 1..400
explore: tools
	SEEDS=$(SEEDS) cargo test --quiet --test suite whatever_happens_everything_is_put_back -- --nocapture

bench-accuracy: tools $(VENV)/installed
	cargo bench --profile dev --bench accuracy

target/bench/venv/installed: benches/requirements.txt | test-tools
	python3 -m venv --clear target/bench/venv
	@target/bench/venv/bin/pip install --quiet --disable-pip-version-check --requirement $< || \
	  { echo "MISSING: the Python packages of $<, which pip could not install (see above)" >&2; exit 1; }
	@touch $@

bench-inject: tools target/bench/venv/installed
	PYTHON=$(CURDIR)/target/bench/venv/bin/python cargo bench --profile dev --bench inject

bench-log: tools
	cargo bench --profile dev --bench log

bench-time: build
	cargo bench --profile dev --bench time

bench-preflight: build
	cargo bench --profile dev --bench preflight

target/bench/node/installed: benches/peers/package.json | test-tools
	rm -rf target/bench/node && mkdir -p target/bench/node && cp $< target/bench/node/
	@npm --prefix target/bench/node install --no-audit --no-fund --no-package-lock || \
	  { echo "MISSING: the Node packages of $<, which npm could not install (see above)" >&2; exit 1; }
	@touch $@

# In the release profile: processor time is what it measures.
bench-users: tools target/bench/venv/installed target/bench/node/installed
	PYTHON=$(CURDIR)/target/bench/venv/bin/python NODE_MODULES=$(CURDIR)/target/bench/node/node_modules cargo bench --bench users

clean-tools:
	rm -rf target/conformance target/bench/venv target/bench/node
