# make demo: see DigiPal under load. make test: the whole suite. Both set up .venv by themselves; neither needs root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint format clean

demo: $(VENV)/installed
	$(BIN)/digipal-perf run --tag quick

test: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not nightly"

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-for-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "digipal-perf needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[mcp]'
	@touch $@

$(VENV)/installed-for-tests: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/installed
