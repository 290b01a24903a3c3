# Two commands matter: `make demo` and `make test`. Each sets everything up first.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
# Extra arguments for pip, for example a wheel index with CPU-only builds of torch.
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test cluster-test check lint types imports bench docs fuzz audit-deps clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[airflow,c2pa,celery,console,docs,langchain,llamaindex,openlineage,postgres,s3,dev]'
	@touch $@

setup: $(VENV)/.ready ## Make the virtual environment from constraints.txt

demo: $(VENV)/.ready ## Ingest real documents through Airflow twice, change the model, query
	$(BIN)/python examples/demo/run.py

test: $(VENV)/.ready ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile

cluster-test: $(VENV)/.ready ## PostgreSQL, Redis, S3, Celery and two workers; two of them are killed at work
	$(BIN)/python -m pytest tests/cluster -q -s

lint: $(VENV)/.ready ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready ## mypy, strict
	$(BIN)/mypy

imports: $(VENV)/.ready ## import-linter: the borders between packages
	$(BIN)/lint-imports

check: lint types imports ## lint, types and imports

bench: $(VENV)/.ready ## Run the benchmarks (minutes); each prints ratios against a baseline of the same run
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/admission.py
	$(BIN)/python benchmarks/reembed.py
	$(BIN)/python benchmarks/console_pages.py
	$(BIN)/python benchmarks/task_overhead.py

docs: $(VENV)/.ready ## Generate the reference pages and build the site in build/site
	$(BIN)/python docs/reference/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file docs/site/mkdocs.yml
	@echo "Read it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8700"

fuzz: $(VENV)/.ready ## Feed what reads foreign bytes with mutations; FUZZ='manifest 600' for one reader, ten minutes
	PYTHONPATH=.:tests $(BIN)/python tests/security/fuzz.py $(FUZZ)

audit-deps: ## Look the pins of constraints.txt up in the public vulnerability database; needs a network and pip-audit
	pip-audit --strict --requirement constraints.txt --no-deps --disable-pip --progress-spinner off $(AUDIT_ARGS)

clean: ## Remove the environment and everything generated
	rm -rf $(VENV) .demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
