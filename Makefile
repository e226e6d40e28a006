# Every command of the project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test test-kubernetes check fmt docs sim sim-bugs bench kafka-start kafka-stop

# Options of the demo, for example: make demo ARGS='--for 30s --speed 120'
ARGS ?=

help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: ## build, and run a living city on the in-memory log: alerts as they happen (ARGS='--for 30s')
	@scripts/setup run
	cargo run --quiet -- demo $(ARGS)

test: ## all tests: units, simulation, the real binary on a real Kafka that the tests start
	@scripts/setup test
	@[ -n "$$HAZSTREAM_TEST_SKIP" ] || scripts/kafka prepare || true # the tests fail by themselves, with the reason
	@[ -n "$$HAZSTREAM_TEST_SKIP" ] || scripts/tools chart || true
	cargo test --quiet --no-fail-fast
	@scripts/skipped

test-kubernetes: ## image and chart on a real Kubernetes that the test starts; as root, the first time half an hour
	@[ -n "$$HAZSTREAM_TEST_SKIP" ] || scripts/setup kubernetes
	cargo test --quiet --test kubernetes -- --nocapture
	@scripts/skipped

check: ## formatting and lints, warnings denied
	cargo fmt --check
	cargo clippy --all-targets --test kubernetes --quiet -- -D warnings

fmt: ## format the code
	cargo fmt

docs: ## write the generated files again: configuration, metrics, the code map, dashboards, values of the chart
	HAZSTREAM_TEST_WRITE=1 cargo test --quiet --lib drift
	HAZSTREAM_TEST_WRITE=1 cargo test --quiet --test tidy the_code_map
	HAZSTREAM_TEST_WRITE=1 cargo test --quiet --test deploy the_schema
	HAZSTREAM_TEST_WRITE=1 cargo test --quiet --test deploy the_values
	scripts/dashboards

sim: ## many simulations (SEEDS=10000), or one again (SEED=42)
	HAZSTREAM_SIM_SEEDS=$(SEEDS) HAZSTREAM_SIM_SEED=$(SEED) cargo test --quiet --test simulation -- --nocapture

sim-bugs: ## plant a bug of each kind and show that the simulation finds it
	scripts/sim-bugs

bench: ## the whole pipeline against a real Kafka; writes docs/benchmarks.md (RUNS=5)
	@scripts/setup test
	@scripts/kafka prepare
	cargo bench --bench whole -- $(ARGS)

kafka-start: ## a real Kafka on 127.0.0.1:9092, for trying things out
	@scripts/setup test
	@scripts/kafka start

kafka-stop: ## stop it
	@scripts/kafka stop
