# The commands of this project; `make help` lists them.
# Set-up goes into .venv/ from requirements/dev.txt, and is skipped when it is current.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.locked
STACK := meeting-rooms
TEMPLATES := template.yaml $(wildcard examples/*.yaml)

export AWS_DEFAULT_REGION ?= us-east-1
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.PHONY: help demo test check bench format build lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## Deploy examples/meeting-rooms.yaml in the sandbox, and print what came of it
	@$(BIN)/python -m sandbox deploy examples/$(STACK).yaml --stack-name $(STACK)
	@echo
	@$(BIN)/python -m sandbox rooms

test: $(READY) ## Run every test
	@$(BIN)/pytest --numprocesses 4

check: $(READY) ## Run what CI runs: format, lint, types, templates, tests
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/cfn-lint $(TEMPLATES)
	@$(BIN)/sam validate --lint
	@$(MAKE) --no-print-directory test

bench: $(READY) ## Measure 500 rooms at 25 calls a second, which takes four minutes
	@$(BIN)/python -m benchmarks.load

format: $(READY) ## Format the code, and mend what the linter can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

build: $(READY) ## Build the deployable package with the AWS SAM CLI
	@$(BIN)/sam build

lock: $(READY) ## Lock the versions anew (needs uv)
	@uv pip compile requirements/dev.in --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
	  --upgrade --quiet --output-file requirements/dev.txt
	@uv pip compile function/requirements.in --constraint requirements/dev.txt --universal --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --upgrade --quiet --output-file function/requirements.txt

clean: ## Remove what the other commands made
	@rm -rf .venv .sandbox .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The lock is complete, so pip need not resolve anything (--no-deps); every file has to match its hash.
$(READY): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else \
	  f"Python 3.11 to 3.14 is needed, and {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.13 ...")'
	@echo "Setting up .venv (once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
	  --requirement requirements/dev.txt
	@touch $(READY)
