# `make help` says what there is. Every target does its own set-up; once set up nothing needs the network.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= python3
JOBS ?= 2
READY := .venv/.installed

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
export LC_ALL := C.UTF-8

# code of the testbed and of the walk is imported from tests/, by these commands only
IN_TESTS := PYTHONPATH=tests:.venv/collections python -m

.PHONY: help setup demo test check lint mypy unit testbed-tests integration conformance walk walk-sample molecule sanity bench docs

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements-dev.txt tests/tools/setup.py
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11 or newer (Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) tests/tools/setup.py

setup: $(READY) ## .venv with the pinned tools, this collection linked into it, all that needs the network
	@python tests/tools/sanity.py --prepare

demo: $(READY) ## the main job on two simulated hosts, from nothing
	@$(IN_TESTS) demo

test: lint mypy unit testbed-tests integration conformance walk-sample molecule sanity ## everything CI runs

check: lint mypy unit ## the quick part of it

lint: $(READY) ## ruff, yamllint, ansible-lint, changelog fragments
	ruff check .
	ruff format --check .
	yamllint --strict .
	ansible-lint --offline --profile production
	antsibull-changelog lint

mypy: $(READY) ## types, strict
	MYPYPATH=.venv/collections mypy -p ansible_collections.illumos.linked_zones.plugins.module_utils
	MYPYPATH=tests:.venv/collections mypy -p testbed -p walk -p bench -p integration -m demo.__main__

unit: $(READY) ## tests of the collection's own code
	pytest -n $(JOBS) tests/unit

testbed-tests: $(READY) ## tests of the testbed's own code
	pytest -n $(JOBS) tests/testbed/tests

integration: $(READY) ## the modules on simulated hosts: exact commands, every refusal, every failure
	pytest -n $(JOBS) tests/integration

conformance: $(READY) ## every recording replayed against the testbed (others: RECORDINGS=DIRECTORY)
	@$(IN_TESTS) testbed.conformance $(RECORDINGS)

walk: $(READY) ## a kill and a power cut at every command of every scenario, over processes
	@$(IN_TESTS) walk

walk-sample: $(READY) ## every boundary in one process, a seeded sample of them over processes
	@$(IN_TESTS) walk --sample 12

molecule: $(READY) ## role and playbook, one scenario each
	@python tests/tools/molecule.py
	@python tests/tools/page.py

sanity: $(READY) ## ansible-test sanity
	@python tests/tools/sanity.py

bench: $(READY) ## what a command, a switch, a look at all zones and an update cost
	@$(IN_TESTS) bench

docs: $(READY) ## the docs site, into build/docs/html
	rm -rf build/docs
	mkdir -p build/docs/src/collection
	cp -R docs/. build/docs/src
	antsibull-docs collection --use-current --squash-hierarchy --dest-dir build/docs/src/collection illumos.linked_zones
	sphinx-build -q -W -b html build/docs/src build/docs/html
	@echo "The site: build/docs/html/index.html"
