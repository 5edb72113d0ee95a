# The commands that all others are made of. Each sets up what it needs, in .venv.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check lint bench soak format lock clean

BIN := .venv/bin
# Whoever is done takes over from the other. A test that is looked into, or that wants no such plugin, has one process.
WORKERS := $(if $(filter --pdb --trace no:xdist -pno:xdist,$(ARGS)),,-n 2 --dist worksteal)
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)

help:
	@echo 'make demo     watch a notification find its way; ARGS=--once to end after one round'
	@echo 'make test     run every test, in two processes; ARGS="-k wheel" to choose, ARGS="-n 0" in one'
	@echo 'make check    format, lint, types and imports, then every test: what CI runs, and then make soak'
	@echo 'make bench    measure, each figure against its limit'
	@echo 'make soak     kills, power cuts, flipped bits, any history, fuzzing, also on Kafka; LONG=1 goes on; SEED=n repeats'
	@echo
	@echo 'make lint     the fast half of check'
	@echo 'make format   write the code as the formatter wants it'
	@echo 'make lock     pin what pyproject.toml asks for; ARGS=--upgrade for newer versions'
	@echo 'make clean    remove .venv and all caches'

demo:
	@sh .ci/setup.sh run
	@$(BIN)/tellwise demo $(ARGS)

test:
	@sh .ci/setup.sh dev
	@$(BIN)/python -m pytest $(WORKERS) $(ARGS)

check: lint test

lint:
	@sh .ci/setup.sh dev
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench:
	@sh .ci/setup.sh run
	@$(BIN)/tellwise bench $(ARGS)

soak:
	@sh .ci/setup.sh dev
	@$(BIN)/python -m tests.soak $(if $(LONG),long,short) $(SEED)

format:
	@sh .ci/setup.sh dev
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

# One resolution for all three: run.txt and build.txt are parts of dev.txt. The locks hold hashes and no address, so
# where packages come from is for each machine to say.
lock:
	@uv --version >/dev/null 2>&1 || { echo 'tellwise: uv is missing; install it with: pipx install uv' >&2; exit 1; }
	@$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt >/dev/null
	@$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/run.txt >/dev/null
	@$(COMPILE) --group build -c requirements/dev.txt -o requirements/build.txt >/dev/null

clean:
	@rm -rf .venv dist .fuzz .soak .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
