# make demo   create .venv, install the pinned environment, train a small network on real data
# make test   the same environment and the tools, then every check and the whole test suite
#
# Needs Python 3.10 or newer with pip, and make. PYTHON=python3.12 chooses another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
ENV := $(VENV)/.run $(VENV)/.package

.PHONY: demo test lint parity resume kill bench fuzz interop lock clean

demo: $(ENV)
	$(BIN)/leyden demo

# One thread: the tests are small, and many threads on few cores only wait for each other.
test: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest --cov --cov-report=term

lint: $(ENV) $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

parity: $(ENV) $(VENV)/.dev
	$(BIN)/python -m pytest tests/parity

resume: export OMP_NUM_THREADS = 1
resume: $(ENV) $(VENV)/.dev
	$(BIN)/python -m tests.loop.resume_matrix

kill: export OMP_NUM_THREADS = 1
kill: $(ENV) $(VENV)/.dev
	$(BIN)/python -m tests.robustness.every_step
	$(BIN)/python -m tests.robustness.writers --rounds 200
	$(BIN)/python -m tests.robustness.kills --kills 200
	$(BIN)/python -m tests.robustness.kills --kills 60 --background 2

bench: $(ENV) $(VENV)/.dev
	$(BIN)/python -m benchmarks

fuzz: $(ENV) $(VENV)/.dev
	$(BIN)/python -m tests.fuzz.checkpoint --seconds 600
	$(BIN)/python -m tests.fuzz.legacy --seconds 600
	$(BIN)/python -m tests.fuzz.pickles --seconds 300

# The program age is no package of Python.
interop: export OMP_NUM_THREADS = 1
interop: $(ENV) $(VENV)/.dev $(VENV)/.interop
	$(BIN)/python -m pytest tests/interop/signatures.py
	@command -v $${AGE:-age} > /dev/null || { echo "age is missing: apt-get install age, brew install age, or AGE=/path/to/age make interop"; exit 1; }
	$(BIN)/python -m pytest tests/interop/encryption.py

# The stamps make a second run start at once; a changed lock file builds the environment anew.
$(VENV)/.run: requirements/run.txt requirements/torch.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Leyden needs Python 3.10 or newer: make PYTHON=python3.12 ...")'
	@echo "creating $(VENV)"
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes --no-deps -r requirements/run.txt
	$(PIP) -r requirements/torch.txt
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) --require-hashes --no-deps -r requirements/dev.txt
	touch $@

$(VENV)/.interop: requirements/interop.txt
	$(PYTHON) -m venv --clear $(VENV)/interop
	$(VENV)/interop/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements/interop.txt
	touch $@

$(VENV)/.package: $(VENV)/.run pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Resolves for every Python and platform at once. What belongs to one build of torch is left to torch (see torch.txt).
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate \
          --no-header --upgrade
LOCK = $(COMPILE) pyproject.toml --constraint requirements/torch.txt
PER_BUILD = '/^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==/ {skip = 1; next} /^[^ ]/ {skip = 0} !skip'

lock:
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check install --quiet uv
	$(LOCK) requirements/run.in --output-file $(VENV)/lock/run.txt
	$(LOCK) requirements/run.in requirements/dev.in --output-file $(VENV)/lock/dev.txt
	$(COMPILE) requirements/interop.in --output-file requirements/interop.txt
	awk $(PER_BUILD) $(VENV)/lock/run.txt > requirements/run.txt
	awk $(PER_BUILD) $(VENV)/lock/dev.txt > requirements/dev.txt

clean:
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
