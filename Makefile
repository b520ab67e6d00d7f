# The environment is made from the lock by whatever `pip` is told to use (pip.conf, PIP_* variables).
# Paths are relative throughout, so that the repository may lie in a folder with a space in its name.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test quick lint format lock bench soak clean environment

# Compiled files are wanted: without them every Airflow task starts slowly.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
READY := .venv/.installed
SUPPORTED := python3.13 python3.12 python3.11 python3

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  make demo ONCE=1   runs the demo to its end, writes build/demo.json and exits 0 only if all went well"
	@echo "  make bench NAME=x  runs benchmarks/x.py; names: $(notdir $(basename $(filter-out %/harness.py %/__init__.py,$(wildcard benchmarks/*.py))))"

environment: $(READY) ## make .venv from the lock (the others do it by themselves)

$(READY): requirements-dev.txt pyproject.toml
	@python="$$(for name in $(SUPPORTED); do command -v $$name >/dev/null 2>&1 && \
	  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)"; \
	  if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed; none of these was found: $(SUPPORTED)" >&2; exit 1; fi; \
	  echo "Making .venv with $$($$python --version) ..."; rm -rf .venv; $$python -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $(READY)

demo: $(READY) ## show the whole thing on this machine: stores, OMS and the Airflow UI
	@$(BIN)/python -m magento_oms.local.demo $(if $(ONCE),--once)

test: lint quick ## lint, types, and all tests (those with real Airflow processes last)
	@$(BIN)/python -m pytest -m airflow -p no:xdist

quick: $(READY) ## only the quick tests
	@$(BIN)/python -m pytest -n auto -m "not airflow and not soak"

lint: $(READY) ## ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## format and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(READY) ## renew requirements.txt and requirements-dev.txt from their .in files
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  -c requirements.txt requirements-dev.in -o requirements-dev.txt

bench: $(READY) ## measure one benchmark: make bench NAME=order_pull
	@$(BIN)/python -m benchmarks.$(NAME)

soak: $(READY) ## the long proofs
	@$(BIN)/python -m pytest -m soak --timeout 3600

clean: ## remove the environment, the demo's state and what was built
	@rm -rf .venv .run build
