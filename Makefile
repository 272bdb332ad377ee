# Two commands set everything up from a bare clone: `make verify` and `make test`.  `make check` is what CI runs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
JOBS   ?= 2

BARE   := build/bare

.PHONY: all verify test check slow quality bench fuzz lint types imports pins wheel format hooks clean
all: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "condense needs Python >= 3.11, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[data,dev]'
	@touch $(STAMP)

verify: $(STAMP)
	$(BIN)/condense verify $(ARGS)

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m "not slow and not quality" $(ARGS)

slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m slow $(ARGS)

quality: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m quality $(ARGS)

fuzz: $(STAMP)
	OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(JOBS) -m "not slow and not quality" -k property $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

# What CI runs, in this order: the quick ones first, the tests last.
check: lint imports pins types wheel test

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/pyright

imports: $(STAMP)
	$(BIN)/lint-imports

pins: $(STAMP)
	$(BIN)/python .ci/pins.py

# The wheel as a user gets it: built, installed without extras into an environment of its own, and used from elsewhere.
wheel: $(STAMP)
	rm -rf $(BARE) && mkdir -p $(BARE)
	$(BIN)/python -m build --wheel --outdir $(BARE)/dist . > $(BARE)/build.log || { cat $(BARE)/build.log; exit 1; }
	$(PYTHON) -m venv $(BARE)/venv
	$(BARE)/venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(BARE)/dist/*.whl
	cd $(BARE) && ./venv/bin/condense --help
	cd $(BARE) && ./venv/bin/python -c "import condense; print('condense', condense.__version__, condense.verify.__module__)"
	cd $(BARE) && ./venv/bin/condense verify line --seeds 2 --quiet --out runs

format: $(STAMP)
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

# The quick checks before each commit, for those who want them.
hooks: $(STAMP)
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
