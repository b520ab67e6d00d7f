# The environment is made from the lock by whatever `pip` is told to use (pip.conf, PIP_* variables).
# Paths are relative throughout, so that the repository may lie in a folder with a space in its name.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help environment demo test quick lint format lock bench soak clean

# Compiled files are wanted: without them every Airflow task starts slowly.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
# The first is the one that everything is tested with.
SUPPORTED := python3.11 python3.12 python3.13 python3
# Named after what they were made from: a changed lock, or a moved repository, makes the environment anew.
LOCKED := .venv/.from-lock-$(shell { pwd; cat requirements-dev.txt; } | cksum | tr ' ' '-')
READY := .venv/.with-package-$(shell cat pyproject.toml | cksum | tr ' ' '-')
BENCHMARKS := $(filter-out pull_once push_stock_waiting lifecycle_worker,$(shell grep -l '__main__' benchmarks/*.py 2>/dev/null | xargs -n 1 basename -s .py))

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  make demo ONCE=1   runs the demo to its end, writes build/demo.json and exits 0 only if all went well"
	@echo "  make bench NAME=x  one of: $(BENCHMARKS)"

environment: $(READY) ## make .venv from the lock (the others do it by themselves)

$(LOCKED):
	@python="$$(for name in $(SUPPORTED); do command -v $$name >/dev/null 2>&1 && \
	  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)"; \
	  if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed; none of these was found: $(SUPPORTED)" >&2; exit 1; fi; \
	  echo "Making .venv with $$($$python --version); the first time this takes a minute or two ..."; \
	  rm -rf .venv; $$python -m venv .venv
	@$(with_certificates); $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(LOCKED)

$(READY): $(LOCKED)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@rm -f .venv/.with-package-*; touch $(READY)

# pip has a variable of its own for the certificates that others take from SSL_CERT_FILE, and uv does not know pip's.
define with_certificates
if [ -z "$${PIP_CERT:-}$${REQUESTS_CA_BUNDLE:-}" ] && [ -n "$${SSL_CERT_FILE:-}" ] \
  && ! $(BIN)/python -m pip config get global.cert >/dev/null 2>&1; then export PIP_CERT="$$SSL_CERT_FILE"; fi; \
if [ -z "$${SSL_CERT_FILE:-}" ] && [ -n "$${PIP_CERT:-}" ]; then export SSL_CERT_FILE="$$PIP_CERT"; fi; \
if [ -z "$${UV_DEFAULT_INDEX:-}$${UV_INDEX_URL:-}" ] && [ -n "$${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$$PIP_INDEX_URL"; fi
endef

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
	@$(with_certificates); \
	  lock() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$$@"; }; \
	  lock $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt; \
	  lock $(if $(UPGRADE),--upgrade) -c requirements.txt requirements-dev.in -o requirements-dev.txt

bench: $(READY) ## measure one benchmark: make bench NAME=order_pull
	@if [ -z "$(NAME)" ]; then echo "Say which: make bench NAME=x, with x one of: $(BENCHMARKS)" >&2; exit 2; fi
	@$(BIN)/python -m benchmarks.$(NAME)

soak: $(READY) ## the long proofs (hours)
	@$(BIN)/python -m pytest -n auto -m soak --timeout 3600

clean: ## remove the environment, the demo's state and what was built
	@rm -rf .venv .run build
