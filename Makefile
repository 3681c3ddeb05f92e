# make demo: see DigiPal under load. make quick, test, nightly: the tests after each edit, before each merge, each night.
# make docs: the reference, made from the code, and the documents as a site. make cluster-demo: a cluster on this machine.
# Each sets up .venv by itself; none needs root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest
# as pip does for a package that is not editable: else PYTHONDONTWRITEBYTECODE makes each start compile 200 files
COMPILE := $(BIN)/python -m compileall -q perfcli digipal
# Cached bytecode halves the time to collect the tests; this keeps it even if your shell says PYTHONDONTWRITEBYTECODE.
CACHED := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/bytecode

.PHONY: demo cluster-demo quick test nightly lint format reference docs clean

demo: $(VENV)/installed
	@$(BIN)/digipal-perf run --tag quick; code=$$?; \
	  echo "Call it as $(BIN)/digipal-perf, or as digipal-perf after: . $(BIN)/activate"; exit $$code

# a scheduler and two workers on 127.0.0.1, with certificates of their own; all of it is ended
cluster-demo: $(VENV)/installed-for-tests
	$(BIN)/python -m benchmarks.cluster_demo

# two workers: each more costs the time to import everything once again
quick: $(VENV)/installed-for-tests
	$(CACHED) $(PYTEST) -q -n 2 -m "not slow and not nightly"

test: $(VENV)/installed-for-tests
	$(CACHED) $(PYTEST) -n auto --dist worksteal -m "not nightly and not alone"
	$(PYTEST) -m "alone and not nightly" tests/test_performance_benchmarks.py

nightly: $(VENV)/installed-for-tests
	$(PYTEST) -n auto --dist worksteal -m nightly

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-for-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# the pages of docs/reference/, which are made from the code
reference: $(VENV)/installed-for-tests
	$(BIN)/python -m perfcli.reference

# every page is read anew, and a warning is an error: a broken link, or a page that no list leads to
docs: reference
	$(BIN)/python -m sphinx --fail-on-warning --fresh-env --quiet -c docs/site . build/site
	@echo "wrote build/site/index.html"

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "digipal-perf needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV): half a minute, or more on a busy machine"
	$(INSTALL) --editable '.[mcp]'
	$(COMPILE)
	@touch $@

$(VENV)/installed-for-tests: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV): half a minute, or more on a busy machine"
	$(INSTALL) --editable '.[test]'
	$(COMPILE)
	@touch $@ $(VENV)/installed
