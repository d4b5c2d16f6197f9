# Everything a newcomer or a CI needs. `make demo` and `make test` are enough on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= .demo
PORT ?= 3000
# Tests spread over the cores; PYTEST_ARGS and BENCH_ARGS add to the command line.
WORKERS ?= auto
PYTEST_ARGS ?=
BENCH_ARGS ?=
SOAK_ARGS ?=
# Other programs to compare with, which need pydicom 2 and numpy 1: never among the dependencies.
PEERS := .venv-peers
PEERS_STAMP := $(PEERS)/.installed
PEERS_PYTHON ?= $(PYTHON)

.DEFAULT_GOAL := help
.PHONY: help install system demo ui test check format docs screenshots soak bench bench-peers constraints clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

system: ## Bring Orthanc and Chromium where they are missing (Debian packages)
	@sh tools/system_packages.sh

install: $(STAMP) system ## Install everything that is needed

demo: install ## Run the pipeline on phantom patients in a private Orthanc
	@$(BIN)/pdcp demo run --root $(DEMO)

ui: install ## Open the Dagster UI on the demo (PORT=3000)
	@$(BIN)/pdcp demo ui --root $(DEMO) --port $(PORT)

test: install ## Run all tests, against a real Orthanc and a real Dagster
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

check: $(STAMP) ## Lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## Renew docs/codes.md from the registry of codes
	@$(BIN)/python -c 'from pdcp_dagster.domain.code_page import codes_page; print(codes_page(), end="")' > docs/codes.new && mv docs/codes.new docs/codes.md

screenshots: install ## Renew the README's pictures from a finished demo (make demo first)
	@$(BIN)/python tools/screenshots.py --root $(DEMO) --port $(PORT)

soak: install ## Run through random faults for ten minutes (SOAK_ARGS="--minutes 3 --patients 50")
	$(BIN)/python -m pdcp_dagster_tests.faults.soak $(SOAK_ARGS)

bench: install ## Measure accuracy and speed (BENCH_ARGS="--only analytic")
	$(BIN)/python -m pdcp_dagster_tests.bench $(BENCH_ARGS)

$(PEERS_STAMP): constraints-peers.txt
	@$(PEERS_PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "The peers need Python 3.11 or 3.12; name one: make bench-peers PEERS_PYTHON=python3.12"; exit 1; }
	@test -x $(PEERS)/bin/python || $(PEERS_PYTHON) -m venv $(PEERS) || { echo "No virtual environment could be made (Debian: apt-get install python3-venv)"; exit 1; }
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-peers.txt platipy dicompyler-core dcm2niix
	@touch $(PEERS_STAMP)

bench-peers: $(PEERS_STAMP) ## Bring platipy, dicompyler-core and dcm2niix for `make bench`
	@echo "platipy, dicompyler-core and dcm2niix are in $(PEERS): make bench compares with them"

constraints: $(STAMP) ## Renew constraints.txt from the virtual environment
	@{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.new && mv constraints.new constraints.txt

clean: ## Remove the demo and all caches (not the virtual environment)
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
