# `make up` and `make test` need nothing before them but Python 3.11+, make and apt.
.PHONY: help up test pytest lint format bench soak sabotage lock clean
.DEFAULT_GOAL := help
BIN := .venv/bin
# Whatever the machine says of it: without compiled files each of the processes that tests start compiles all of the source anew.
export PYTHONDONTWRITEBYTECODE :=
# Three more than there are processors: tests of several processes, and of pauses, mostly wait.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 3)

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

up: ## set up, then run everything on this machine; PORT=8400 DATA_DIR=... change where
	@scripts/setup
	@exec $(BIN)/konstruct up $(if $(PORT),--port "$(PORT)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

test: ## lint and all tests, at once; ARGS="tests/embedded -k adopt" chooses
	@scripts/setup --tests
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest:
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 5 $(ARGS)

lint: ## format, style, types, layers and sizes
	@scripts/setup
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@said=$$($(BIN)/lint-imports --no-logo) || { echo "$$said"; exit 1; }
	@$(BIN)/python scripts/check_sizes.py

format: ## put the code into its standard form
	@scripts/setup
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: ## measure; results in bench/results
	@scripts/setup
	@$(BIN)/python -m bench $(ARGS)

soak: ## faults at random on real processes; MINUTES=10, SEED=... repeats their order, TURNS=5000 before them
	@scripts/setup --tests
	@$(BIN)/python -m bench.soak $(or $(MINUTES),10) "$(SEED)" $(TURNS)

sabotage: ## take each guard out of a copy; its test must turn red; ARGS="fence redactor" chooses
	@scripts/setup --tests
	@$(BIN)/python -m tests.sabotage $(ARGS)

lock: ## resolve the dependencies anew into requirements.lock
	@scripts/setup
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev --generate-hashes --no-header --no-annotate \
		--output-file requirements.lock pyproject.toml

clean: ## remove .venv and caches; data folders stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests scripts bench -name __pycache__ -prune -exec rm -rf {} +
