# Tapedeck's commands: `make run` and `make test` need python3 (3.11+), pip and make, nothing else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PYTEST := $(PY) -m pytest
# Tests of real processes share no state, so two workers are safe; a folder that shares a deck names a group.
WORKERS ?= 2
ARGS ?=

# honcho's lines come when they are said, not when a pipe's buffer is full.
export PYTHONUNBUFFERED := 1
# The header of a lock file names this command, and no machine.
export UV_CUSTOM_COMPILE_COMMAND := make lock

.PHONY: help
help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- use ---------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/run $(VENV)/web ## Run the deck: all processes, until Ctrl-C
	@exec $(PY) -m bus.run deck

.PHONY: web
web: $(VENV)/run ## Fetch the chart library for the page (hash-checked; the page works without it)
	@$(PY) -m services.gateway.assets && touch $(VENV)/web

# --- test --------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/dev ## Run the tests (ARGS="tests/bus -k tape" for some of them)
	@$(PYTEST) -n $(WORKERS) --dist loadgroup $(ARGS)

.PHONY: check
check: format-check lint types layers test ## Everything that must hold: format, lint, types, layers, tests

.PHONY: format-check
format-check: $(VENV)/dev
	@$(PY) -m ruff format --check

.PHONY: lint
lint: $(VENV)/dev ## Lint (ruff)
	@$(PY) -m ruff check

.PHONY: types
types: $(VENV)/dev ## Check the types (mypy --strict)
	@$(PY) -m mypy

.PHONY: layers
layers: $(VENV)/dev ## Check who imports whom (import-linter)
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: coverage
coverage: $(VENV)/dev ## Run the tests and report the branches that none of them takes
	@$(PYTEST) -n $(WORKERS) --dist loadgroup --cov --cov-report=term-missing:skip-covered $(ARGS)

.PHONY: torture
torture: $(VENV)/dev ## Run the long tests: kills, losses and crashes for minutes
	@$(PYTEST) -m torture --timeout 1800 $(ARGS)

# --- measure -----------------------------------------------------------------------------------

.PHONY: bench
bench: bench-bus bench-collector ## Run all benchmarks

.PHONY: bench-bus
bench-bus: $(VENV)/bench ## Measure the bus beside its peers (ARGS="--rounds 1 --only append", --help)
	@$(PY) -m bench.bus $(ARGS)

.PHONY: bench-collector
bench-collector: $(VENV)/run ## Measure what 10, 100 and 500 symbols cost the collector
	@$(PY) -m bench.collector

# --- keep --------------------------------------------------------------------------------------

.PHONY: format
format: $(VENV)/dev ## Format the code and mend what ruff can mend
	@$(PY) -m ruff check --fix-only
	@$(PY) -m ruff format

.PHONY: docs
docs: $(VENV)/run ## Write the generated pages of docs/
	@$(PY) -m services.gateway.docs
	@$(PY) -m tests.test_guarantees

COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: $(VENV)/uv ## Lock the newest versions of everything in requirements*.in
	@$(UV) $(COMPILE) requirements-uv.in --output-file requirements-uv.lock
	@$(UV) $(COMPILE) requirements.in --output-file requirements.lock
	@$(UV) $(COMPILE) --constraints requirements.lock requirements-dev.in --output-file requirements-dev.lock
	@$(UV) $(COMPILE) --constraints requirements-dev.lock requirements-bench.in --output-file requirements-bench.lock

.PHONY: clean
clean: ## Remove what make built (never data/)
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

# --- the environment, built from the hashed locks ------------------------------------------------
# pip installs uv alone, then uv the rest: 3 to 7 times faster than pip. `--without-pip` with
# `pip --python` works where python3-venv is missing (Debian) and where the system's Python is managed.
# A stamp is written only when its step is complete; the tests' lock holds the run's lock, pin for pin.

INSTALL = $(UV) pip install --quiet --python $(PY) --require-hashes -r $(1) || { \
	echo "uv could not install $(1) (its reason is above); trying pip, which is slower." >&2; \
	$(PYTHON) -m pip --python $(PY) install --quiet --require-hashes -r $(1); }

$(VENV)/uv: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Tapedeck needs Python 3.11 or newer, and '$(PYTHON)' is not: install one, then name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	echo "Tapedeck needs pip beside '$(PYTHON)': install it (Debian: apt-get install python3-pip), then try again." >&2; exit 1; }
	@echo "Setting up $(VENV) (once; some 20 seconds)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(PY) install --quiet --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/run: $(VENV)/uv requirements.lock
	@$(call INSTALL,requirements.lock)
	@touch $@

$(VENV)/dev: $(VENV)/uv requirements-dev.lock
	@$(call INSTALL,requirements-dev.lock)
	@touch $(VENV)/run $@

# The peers of the benchmarks, beside whatever is there: their lock holds the same pins.
$(VENV)/bench: $(VENV)/run requirements-bench.lock
	@$(call INSTALL,requirements-bench.lock)
	@touch $@

# The page draws without the chart library too, so a failure here is said once and stops nothing.
$(VENV)/web: $(VENV)/run
	@$(PY) -m services.gateway.assets || \
	echo "The page will draw its own simple charts; 'make web' tries again to fetch the chart library." >&2
	@touch $@
