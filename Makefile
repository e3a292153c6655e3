# The commands of this project; `make help` lists them.
# Set-up goes into .venv/ from requirements/dev.txt, and is skipped when it is current.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
LOCKED := .venv/.locked
CHECKOV := .venv-checkov/bin/checkov
CHECKOV_READY := .venv-checkov/.locked
CDK_FOLDER := examples/cdk-typescript
CDK_APP := $(CDK_FOLDER)/build/app.js
STACK := meeting-rooms
TEMPLATES := template.yaml $(wildcard examples/*.yaml examples/*/*.yaml)

export AWS_DEFAULT_REGION ?= us-east-1
export SAM_CLI_TELEMETRY := 0
# Where no bytecode may be written, every command would compile anew what set-up has not compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test simulate check bench format generate build release dist lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## Deploy examples/meeting-rooms.yaml in the sandbox, and print what came of it
	@$(BIN)/workmail-rooms sandbox deploy examples/$(STACK).yaml --stack-name $(STACK)
	@echo
	@$(BIN)/workmail-rooms sandbox rooms

test: $(READY) $(CDK_APP) ## Run every test but those that download packages
	@$(BIN)/pytest --numprocesses 3 --dist worksteal -m "not index"

simulate: $(READY) ## Play SEEDS stories from seed FROM on, beyond those of `make test`; or one again and shrunk (SEED=42)
	@$(BIN)/python -m tests.simulation $(if $(UPGRADED),--upgraded) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),10000) \
	  --from $(or $(FROM),$(shell date +%s)) --jobs $(or $(JOBS),2))

# Two at a time, since most take one core only. The longest come first.
CHECKS := check-packages check-stories check-types check-style check-checkov check-sam check-templates check-format check-spelling \
  check-imports

check: $(READY) $(CHECKOV_READY) ## Run what CI runs: format, lint, spelling, style, types, imports, templates, tests
	@$(MAKE) --no-print-directory --jobs 2 $(CHECKS)
	@$(MAKE) --no-print-directory test

.PHONY: $(CHECKS)

check-packages:
	@$(BIN)/pytest --quiet -m index

# Others in each run. What one finds is a defect, in the function or in what the simulation expects.
check-stories:
	@$(BIN)/python -m tests.simulation --seeds 1000 --from $$(date +%s)

check-format:
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check

check-spelling:
	@$(BIN)/codespell

check-style:
	@$(BIN)/proselint --config .proselintrc.json check *.md docs

check-types:
	@$(BIN)/mypy

check-imports:
	@PYTHONPATH=function $(BIN)/lint-imports --no-cache

check-templates:
	@$(BIN)/cfn-lint $(TEMPLATES) --append-rules tools/workmail_rooms/lint

check-sam:
	@$(BIN)/sam validate --lint

check-checkov:
	@$(call checkov,template.yaml)

bench: $(READY) ## Measure a Create next to three others, and 500 rooms at 25 calls a second, and the queue; takes ten minutes
	@$(BIN)/python -m benchmarks.cold
	@echo
	@$(BIN)/python -m benchmarks.load
	@echo
	@$(BIN)/python -m benchmarks.waiting

format: $(READY) ## Format the code, and correct what the linter can correct
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

generate: $(READY) ## Write what follows from the code and its tests: schema, reference, contracts, calls, pictures
	@$(BIN)/python -m generate

build: $(READY) ## Build the deployable package with the AWS SAM CLI
	@$(BIN)/sam build

release: $(READY) ## Run `make check`, then write VERSION, its date and what it leaves behind; commit and tag after it
	@$(BIN)/python -m release --check "$(VERSION)"
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m release "$(VERSION)"
	@$(BIN)/python -m generate
	@PYTHONPATH=function:tools $(BIN)/python -m tests.harness.release
	@$(BIN)/pytest --quiet tests/e2e/test_release.py

dist: build ## Make the files that a release publishes, in dist/
	@$(BIN)/python -m release.files .aws-sam/build dist

lock: $(READY) ## Lock the versions anew (needs uv)
	@uv pip compile requirements/dev.in --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
	  --upgrade --quiet --output-file requirements/dev.txt
	@uv pip compile function/requirements.in --constraint requirements/dev.txt --universal --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --upgrade --quiet --output-file function/requirements.txt
	@uv pip compile requirements/checkov.in --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
	  --upgrade --quiet --output-file requirements/checkov.txt

clean: ## Remove what the other commands made
	@rm -rf .venv .venv-checkov .sandbox .aws-sam dist $(CDK_FOLDER)/node_modules $(CDK_FOLDER)/build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Without the network checkov says the same, if it is told not to look for guidelines (--skip-download). It passes a file that
# it cannot read, which the report alone tells.
define checkov
report=$$($(CHECKOV) --file $(1) --framework cloudformation --skip-download --quiet --compact) && \
  case "$$report" in *"Parsing errors"*) false ;; esac || { echo "$$report"; exit 1; }
endef

# The locks are complete, so pip need not resolve anything (--no-deps); every file has to match its hash.
# checkov pins other versions of what .venv has, and so has an environment of its own.
$(LOCKED): requirements/dev.txt
$(CHECKOV_READY): requirements/checkov.txt
$(LOCKED) $(CHECKOV_READY):
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 15) else \
	  f"Python 3.11 to 3.14 is needed, and {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.13 ...")'
	@echo "Setting up $(@D) (once)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
	  --requirement $<
	@touch $@

# The command workmail-rooms, from tools/ and function/ as they are; what builds it is in the lock. Bytecode is made here on
# all cores, of what may be imported: pip makes it on one, and the processes of `make test` would each make the same.
$(READY): pyproject.toml $(LOCKED)
	@$(@D)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(@D)/bin/python -m compileall -q -j 0 -x '/tests?/|/aws_cdk/.*/' $(@D)/lib
	@touch $@

# An example's packages, as they are locked, and the example compiled. Without npm, or what npm fetches, its test is skipped.
$(CDK_FOLDER)/node_modules/.package-lock.json: $(CDK_FOLDER)/package-lock.json
	@if command -v npm >/dev/null; then \
	  echo "Setting up $(CDK_FOLDER) (once)"; cd $(CDK_FOLDER); \
	  npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.package-lock.json || \
	    echo "npm could not install the packages of $(CDK_FOLDER), so it is not tested."; \
	fi

$(CDK_APP): $(CDK_FOLDER)/app.ts $(CDK_FOLDER)/tsconfig.json $(CDK_FOLDER)/node_modules/.package-lock.json
	@cd $(CDK_FOLDER) && if test -e node_modules/.package-lock.json; then node_modules/.bin/tsc; fi
