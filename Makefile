# A fresh machine needs Python 3.11 and make. Every target works in $(VENV), made on first use; a second call is quick.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first that runs: a name on the path may be a shim for a version that is not there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c '' 2>/dev/null && command -v $$p && break; done)
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
# One cache of compiled functions for all test processes and calls.
export NUMBA_CACHE_DIR ?= $(CURDIR)/build/numba-cache
PYTEST = $(BIN)/python -m pytest

.PHONY: help demo test slow wheel-test browser parity bench peers lowest fmt lint types wheel clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

# Environments. A stamp is newer than pyproject.toml once everything in it is installed.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no python3.11 or python3 found: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cosim needs Python 3.11 or later: make PYTHON=/path/to/python")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[torch,test]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## run a network on an edge NPU, numbers included; results in out/demo
	$(BIN)/cosim run mobilenet_v2 --on npu/edge-256 --execute scheduled --trace --out out/demo

test: $(VENV)/.installed  ## the default suite
	$(PYTEST) -n $(JOBS)

slow: $(VENV)/.installed  ## the checks that take minutes
	$(PYTEST) -n $(JOBS) -m slow

wheel-test: $(VENV)/.installed-dev  ## build the wheel and test it in empty environments
	$(PYTEST) -m wheel

browser: $(VENV)/.installed-dev  ## reports in a headless Chromium (apt-get install chromium)
	$(PYTEST) -m browser tests/browser

parity: $(VENV)/.installed-dev  ## against other frameworks
	$(PYTEST) -n $(JOBS) -m parity

bench: $(VENV)/.installed-dev  ## speed against limits and peers; rewrites results/bench
	@for script in tests/bench/bench_*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python $$script; done

# Other tools, each in an environment of its own: what they need beyond what they ask for is in cosim/compare/peers.py.
peers: .peers/scalesim/.installed .peers/zigzag/.installed .peers/vela/.installed  ## environments of the tools that 'cosim compare' runs

.peers/%/.installed: cosim/compare/peers.py | $(VENV)/.installed
	$(PYTHON) -m venv .peers/$*
	.peers/$*/bin/python -m pip install --quiet $$($(BIN)/python -m cosim.compare.peers $*)
	@touch $@

lowest: pyproject.toml  ## the default suite on the lower bounds of all dependencies
	@mkdir -p build
	$(MAKE) VENV=build/venv-lowest build/venv-lowest/bin/python
	$(PYTHON) tests/wheel/lowest.py > build/lowest.txt
	build/venv-lowest/bin/python -m pip install --quiet --constraint build/lowest.txt --editable ".[test]"
	NUMBA_CACHE_DIR=$(CURDIR)/build/numba-cache-lowest build/venv-lowest/bin/python -m pytest -n $(JOBS)

fmt: $(VENV)/.installed  ## format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --exit-zero --quiet .

lint: $(VENV)/.installed  ## style and floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev  ## mypy, strict
	@mkdir -p build/types  # mypy finds a package by its folder's name
	@ln -sfn ../../hw_models build/types/cosim_hw_models
	@ln -sfn ../../workloads build/types/cosim_workloads
	$(BIN)/mypy
	$(BIN)/mypy -p cosim_hw_models -p cosim_workloads

wheel: $(VENV)/.installed-dev  ## build dist/
	$(BIN)/python -m build --outdir dist .

clean:  ## remove builds and caches, keep the environment
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
