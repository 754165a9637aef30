# Everything here sets up what it needs by itself: a virtual environment in .venv, and for the tests the programs of
# other people that they talk to (see tests/e2e/prepare.py).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UNIT := tests.protocol tests.relay tests.transports tests.server tests.client tests.cli tests.settings tests.storage tests.test_credentials \
	tests.test_docs tests.test_errors tests.test_exports tests.test_imports tests.test_logs tests.test_options \
	tests.test_private_names tests.test_problems tests.test_security tests.test_settings tests.test_targets \
	tests.test_terminal tests.test_text

.DEFAULT_GOAL := help
.PHONY: help test test-newest unit lint format docs news constraints demo conformance chaos soak hostile field fuzz bench \
	clean

# Versions that the tests are known to pass with. Empty: the newest that setup.py allows.
CONSTRAINTS ?= constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))

help:
	@echo "make demo         a server, a service and a client at http://demo.localhost:3000, until Ctrl-C"
	@echo "make test         check the style and run every test"
	@echo "make unit         run the in-process tests only, in less than a minute"
	@echo "make test-newest  the same as make test, with the newest dependencies instead of those in constraints.txt"
	@echo "make lint         check style and types only; make format puts the style right"
	@echo "make docs         build docs/_build/html"
	@echo "make conformance  run all cases of the Autobahn test suite through the tunnel"
	@echo "make chaos        break links and processes a thousand times, and account for every byte"
	@echo "make soak         an hour of mixed traffic, then look for what was left behind; or MINUTES=5"
	@echo "make hostile      others' tools against it: slowhttptest, testssl.sh, smuggling through nginx and HAProxy"
	@echo "make field        real programs, directly and through a tunnel whose link is cut; or PROGRAMS='bokeh next'"
	@echo "make fuzz         bytes of every kind into every parser, for 7 minutes; or MINUTES=60"
	@echo "make bench        measure, and write bench/RESULTS.md"
	@echo "make clean        delete what the above have built"

test: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(MAKE) --no-print-directory lint docs
	$(BIN)/python -m tests.run
	@echo "All tests have passed."

test-newest:
	$(MAKE) --no-print-directory VENV=.venv-newest CONSTRAINTS= test

# Everything that needs no other program and no other process.
unit: $(READY)
	$(BIN)/python -m tests.run --lanes $(UNIT)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# At a release: moves what newsfragments/ says into NEWS.rst. Without VERSION it only shows it.
news: $(READY)
	$(BIN)/towncrier build $(if $(VERSION),--yes --version $(VERSION),--draft --version next)

# Write down the versions that are installed, after make test-newest has passed.
constraints:
	.venv-newest/bin/python -m pip freeze --exclude-editable > constraints.txt

demo: $(READY)
	@exec $(BIN)/python -m demo

conformance: $(READY)
	$(BIN)/python -m tests.conformance

chaos: $(READY)
	$(BIN)/python -m tests.chaos

soak: $(READY)
	$(BIN)/python -m tests.chaos.soak $(MINUTES)

hostile: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(BIN)/python -m tests.hostile
	SELLIA_HOSTILE_EVERY=1 $(BIN)/python -m tests.run tests.hostile.test_tenants
	SELLIA_HOSTILE_EXAMPLES=500 SELLIA_HOSTILE_SECONDS=60 $(BIN)/python -m tests.run tests.hostile.test_model

field: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(BIN)/python -m tests.field $(PROGRAMS)

fuzz: $(READY)
	$(INSTALL) -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(or $(MINUTES),7)

bench: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .venv-newest docs/_build build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis .fuzz .field
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew when what it is made of changes. Debian keeps venv in a package of its own; the C
# compiler and headers are for dependencies that have no binary wheel for this machine.
$(READY): setup.py pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Sellia needs Python 3.11 or newer; say which with make PYTHON=/path/to/python3"; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update && apt-get install -y --no-install-recommends python3-venv python3-dev gcc; \
		else \
			echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; \
		fi; \
	fi
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -e '.[test,docs]'
	@touch $@
