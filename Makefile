# Two commands set everything up: `make run` serves the page, `make test` runs every check. `make quick` is for between two edits.
PORT ?= 7860
PYTHON ?= python3
BIN := .venv/bin
# The tests that are quick, in several processes with one thread each: threads that share so little work cost more than they bring.
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4
# Wherever bytecode is not to be written, every process of every test would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test quick check browser fuzz benchmark checkpoints wheel clean

run: .venv/run
	PORT=$(PORT) $(BIN)/python app.py

# In one run, in the shares of tests/conftest.py: what starts processes, pages and browsers file by file, and what is quick after that.
test: check browser
	$(SIDE_BY_SIDE) --dist loadgroup --no-loadscope-reorder

# What takes no browser, no new process and no long computing, and of each law the usual cases: about a minute on two cores.
quick: .venv/dev
	$(SIDE_BY_SIDE) -m "not slow and not browser and not many"

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/deptry tests --exclude nothing --ignore DEP002,DEP004
	$(BIN)/oxlint meta_demo

# A browser for the page's tests: one that is there, else playwright's own, else the system's package where we may install it.
browser: .venv/dev
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 \
	  || timeout 300 $(BIN)/playwright install chromium \
	  || { apt-get update -qq && apt-get install -y -qq chromium; } \
	  || echo "no browser could be installed: the page's tests will say so"

# What is tried at random, for longer than among the tests: rubbish for files, for the API and for whatever else the page can be asked, and a
# monkey with a browser. Each of them goes on for FUZZ seconds.
FUZZ ?= 600
fuzz: browser
	FUZZ_SECONDS=$(FUZZ) $(BIN)/python -m pytest tests/test_fuzz.py

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

.venv/dev: .venv/bin/python requirements.txt requirements-dev.txt requirements-fonts.txt requirements-multilingual.txt
	$(BIN)/pip install --quiet -r requirements.txt -r requirements-dev.txt -r requirements-fonts.txt -r requirements-multilingual.txt
	@touch $@

# What `pip install .` installs, as a file in dist/.
wheel: .venv/dev
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build *.egg-info

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
