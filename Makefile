# The same commands on a laptop, in CI and in the README.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is written once, here: where Python may not write it (PYTHONDONTWRITEBYTECODE, a read-only image), every start of
# `keepwell` compiled 3,000 modules anew.
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: mutate help install demo demo-full test test-slow check format docs bench results coverage effects guard soak sentences walk lock

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# The stamp follows the lock: a second run installs nothing.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(UV) --require-hashes -r requirements.lock
	$(UV) --no-deps --no-build-isolation -e .
	@touch $@

install: .venv/.installed  ## the locked dependencies and the keepwell command, in .venv

demo: .venv/.installed  ## the main job on the sample company
	$(BIN)/python -m keepwell.cli.demo

demo-full: .venv/.installed  ## the same on 60 months, with a model of every outcome
	$(BIN)/python -m keepwell.cli.demo --full

test: .venv/.installed  ## the tests of ten minutes: all that is short and needs no scheduler or browser
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/.installed  ## the long ones: schedulers, servers, browsers, and whole quarters
	$(BIN)/python -m pytest -m slow

check: .venv/.installed  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.installed  ## format the code and fix lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/.installed  ## the generated pages of docs/
	$(BIN)/python -m keepwell.flows.reference.pages
	$(BIN)/python -m keepwell.cli.reference

bench: .venv/.installed  ## cost of the monthly run on 1k, 5k and 20k accounts, of a model on 100k
	$(BIN)/python -m evaluation.bench

results: .venv/.installed  ## grade the sample company, the models and what serves (two hours)
	$(BIN)/python -m evaluation.results
	$(BIN)/python -m evaluation.results_served
	$(BIN)/python -m evaluation.results_watching
	$(BIN)/python -m evaluation.results_outcomes
	$(BIN)/python -m evaluation.results_constant

coverage: .venv/.installed  ## do 90% intervals cover the truth? (an hour)
	$(BIN)/python -m evaluation.results_coverage

effects: .venv/.installed  ## are effects and uplift estimated right? (a few minutes)
	$(BIN)/python -m evaluation.results_effects

guard: .venv/.installed  ## are churning accounts flagged during an outage? (five minutes)
	$(BIN)/python -m evaluation.results_guard

mutate: .venv/.installed  ## 1,360 mutated inputs, each with its right answer (half an hour)
	$(BIN)/python -m tests.mutations.run

soak: .venv/.installed  ## three months hour by hour, killed at 50 moments (an hour)
	$(BIN)/python -m evaluation.soak

sentences: .venv/.installed  ## every feature in a CSM's words on the demo's portfolio (ten seconds)
	$(BIN)/python -m evaluation.sentences

walk: .venv/.installed  ## the first hour and a month, command by command (three minutes)
	$(BIN)/python -m evaluation.first_hour
	$(BIN)/python -m evaluation.walk

# Versions and hashes only: no index address, no path.
lock: .venv/.installed  ## resolve requirements.lock again
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock
