# Every target works on a fresh clone. Needed: Python 3.11 or newer, make; and for the targets
# that use a real Kafka (test, integration, kafka-up, bench) Java 17 and Maven.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .venv-tools/bin/uv)

# An active environment of somebody else must not reach in here; and sources are compiled once, not
# by every worker of the tests and every process that they start.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE CONDA_PREFIX
export UV_PROJECT_ENVIRONMENT := .venv

RUN_READY := .venv/.ready-run
DEV_READY := .venv/.ready-dev
PYTEST := $(BIN)/pytest
KAFKA := $(BIN)/python -m tools.kafka_stack

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' \
	  | while IFS='|' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

# --- use ------------------------------------------------------------------------------------

.PHONY: demo
demo: $(RUN_READY) ## the whole flow on real series with an embedded broker (ARGS="--serve")
	$(BIN)/goalstream demo $(ARGS)

.PHONY: kafka-up
kafka-up: $(RUN_READY) ## Apache Kafka and a schema registry on this machine
	$(KAFKA) up

.PHONY: kafka-down
kafka-down: $(RUN_READY) ## stop them; their data stays in .cache/kafka/stack
	$(KAFKA) down

.PHONY: bench
bench: $(DEV_READY) ## the benchmark lanes (ARGS="--help")
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: quality
quality: $(DEV_READY) ## how good forecasts, alarms and choices are on real series (ARGS="--help")
	$(BIN)/python -m benchmarks.quality $(ARGS)

# --- check ----------------------------------------------------------------------------------

.PHONY: test
test: unit spec integration ## all tests, real Kafka included

.PHONY: unit
unit: $(DEV_READY) ## tests that need neither Java nor a broker (ARGS="-k word")
	$(PYTEST) -n auto -m "not integration and not faults" $(ARGS)

.PHONY: integration
integration: $(DEV_READY) ## tests on real Apache Kafka and a real schema registry
	$(KAFKA) download
	$(PYTEST) -m "integration or faults" $(ARGS)

.PHONY: spec
spec: $(DEV_READY) ## rows of the specification: tested, declined, open (build/spec.json)
	$(PYTEST) --quiet --spec-report=build/spec.json tests

.PHONY: lint
lint: $(DEV_READY) ## style, types, layers, house, words
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m tools.house --check
	$(BIN)/python -m tools.words

.PHONY: house
house: $(DEV_READY) ## what a newcomer should know of the package: folders, imports, cycles, sizes
	$(BIN)/python -m tools.house

.PHONY: format
format: $(DEV_READY) ## put the sources into the agreed form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: clean
clean: ## remove what builds and tests left; keeps .venv and .cache
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find benchmarks streams tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# --- install --------------------------------------------------------------------------------

# The stamps lie inside .venv: without it, it is made again. --inexact leaves the development
# tools where they are when both sets are wanted.
$(RUN_READY): uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen --no-dev --inexact
	touch $@

$(DEV_READY): uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen
	touch $(RUN_READY) $@

.venv-tools/bin/uv:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python -m pip install --quiet 'uv>=0.9'
