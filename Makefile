# Everything here sets up what it needs by itself: a virtual environment in .venv, and for the tests the programs of
# other people that they talk to (see tests/e2e/prepare.py).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help test lint format demo conformance chaos soak hostile fuzz bench clean

help:
	@echo "make demo         a server, a service and a client at http://demo.localhost:3000, until Ctrl-C"
	@echo "make test         check the style and run every test"
	@echo "make lint         check style and types only; make format puts the style right"
	@echo "make conformance  run all cases of the Autobahn test suite through the tunnel"
	@echo "make chaos        break links and processes a thousand times, and account for every byte"
	@echo "make soak         an hour of mixed traffic, then look for what was left behind; or MINUTES=5"
	@echo "make hostile      others' tools against it: slowhttptest, testssl.sh, smuggling through nginx and HAProxy"
	@echo "make fuzz         octets of every kind into every parser, for 7 minutes; or MINUTES=60"
	@echo "make bench        measure, and write bench/RESULTS.md"
	@echo "make clean        delete what the above have built"

test: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m tests.run
	@echo "All tests have passed."

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

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
	SELLIA_HOSTILE_EXAMPLES=500 SELLIA_HOSTILE_SECONDS=60 $(BIN)/python -m tests.run tests.hostile.test_model

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(or $(MINUTES),7)

bench: $(READY)
	$(BIN)/python -m tests.e2e.prepare
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew when what it is made of changes. Debian keeps venv in a package of its own; the C
# compiler and headers are for dependencies that have no binary wheel for this machine.
$(READY): setup.py pyproject.toml
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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@
