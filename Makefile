# Two commands set everything up: `make run` serves the page, `make test` runs every check.
PORT ?= 7860
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check browser benchmark checkpoints clean

run: .venv/run
	PORT=$(PORT) $(BIN)/python app.py

test: check browser
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A browser for the page's tests: one that is there, else playwright's own, else the system's package where we may install it.
browser: .venv/dev
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 \
	  || timeout 300 $(BIN)/playwright install chromium \
	  || { apt-get update -qq && apt-get install -y -qq chromium; } \
	  || echo "no browser could be installed: the page's tests will say so"

benchmark: .venv/dev
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.memory

# Meta-trains every shipped checkpoint again and measures what it is worth; DATA says where banking77/ and clinc150/ lie.
checkpoints: .venv/dev
	rm -rf checkpoints/minilm
	checkpoints/train.sh protonet fomaml anil maml reptile finetune
	$(BIN)/python -m benchmarks.checkpoints --data $${DATA:-../shared/data}

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.txt
	$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

.venv/dev: .venv/bin/python requirements.txt requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
