# Needs make and a Python of 3.11 or newer; everything else goes into VENV.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
VENV_OLDEST ?= .venv-oldest

# Arguments for pytest, as in: make test PYTEST_ARGS="-k sparse -x"
PYTEST_ARGS ?=
# A worker for each core, and one thread of BLAS for each worker.
RUN_TESTS := -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

# The oldest numpy and pandas have wheels for Python up to 3.12.
OLDEST := requirements/oldest.txt

BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# Some machines force a BLAS kernel; a benchmark lets BLAS choose.
CLEAN_ENV := env -u OPENBLAS_CORETYPE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-oldest lint format types layers bench docs clean

help:
	@echo "make demo         install into $(VENV) and run examples/plot_quickstart.py"
	@echo "make test         run the tests and the doctests"
	@echo "make test-oldest  the same on the oldest supported dependencies"
	@echo "make lint         ruff check, ruff format --check"
	@echo "make format       let ruff repair what it can"
	@echo "make types        mypy"
	@echo "make layers       import-linter: which layer may import which"
	@echo "make bench        run the benchmarks and write their table"
	@echo "make docs         build the documentation into docs/_build/html"
	@echo "make clean        remove environments, caches and build products"

demo: $(VENV)/.stamp-demo
	$(BIN)/python examples/plot_quickstart.py

test: $(VENV)/.stamp-tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python $(RUN_TESTS)

test-oldest: $(VENV_OLDEST)/.stamp-tests
	OPENBLAS_NUM_THREADS=1 $(VENV_OLDEST)/bin/python tests/fill_kernel_cache.py
	OPENBLAS_NUM_THREADS=1 $(VENV_OLDEST)/bin/python $(RUN_TESTS)

lint: $(VENV)/.stamp-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.stamp-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.stamp-lint
	$(BIN)/mypy

layers: $(VENV)/.stamp-lint
	$(BIN)/lint-imports

bench: $(VENV)/.stamp-tests
	$(CLEAN_ENV) $(BIN)/python -m benchmarks

docs: $(VENV)/.stamp-docs
	$(BIN)/python docs/run_snippets.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) $(VENV_OLDEST) build dist docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find skdeepbm tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Environments. The install is editable, so that only a change of pyproject.toml
# (or of the constraints) calls for a new one; each extra has its own stamp.

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: skdeepbm needs Python 3.11 or newer; '$(PYTHON)' is not (try: make PYTHON=python3.11)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.stamp-demo: $(VENV)/.stamp-venv pyproject.toml
	$(BIN)/python $(PIP_INSTALL) -e '.[plots,speed,progress]'
	@touch $@

$(VENV)/.stamp-tests: $(VENV)/.stamp-venv pyproject.toml
	$(BIN)/python $(PIP_INSTALL) -e '.[tests]'
	@touch $@

$(VENV)/.stamp-lint: $(VENV)/.stamp-venv pyproject.toml
	$(BIN)/python $(PIP_INSTALL) -e '.[lint]'
	@touch $@

$(VENV)/.stamp-docs: $(VENV)/.stamp-venv pyproject.toml
	$(BIN)/python $(PIP_INSTALL) -e '.[docs]'
	@touch $@

$(VENV_OLDEST)/.stamp-tests: pyproject.toml $(OLDEST)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null || \
	  { echo "error: the oldest dependencies need Python 3.11 or 3.12; '$(PYTHON)' is not (try: make test-oldest PYTHON=python3.11)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV_OLDEST)
	$(VENV_OLDEST)/bin/python $(PIP_INSTALL) -c $(OLDEST) -e '.[tests]'
	@touch $@
