# Everything runs in its own virtual environment, made on first use.
#
#   make demo         toy scenes, two minutes of training, a table, pictures, your words
#   make test         quick tests          make test-all   every test, minutes and gigabytes
#   make demo-seeds   the toy world's table
#   make lint         style                make types      pyright over the package
#   make sizes        how large files, functions and tests are; fails on deep nesting
#   make docs         the site, in site/   make commands   docs/commands.md anew

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
WORDS ?= plate, dish; spider; sledge, sled; tower; snow; forest, woods
DEMO ?= demo
WORKERS ?= auto

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
TESTS := $(VENV)/bin/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Python compiles what it imports; to compile all of TensorFlow and spaCy first takes half a minute.
INSTALL := $(PIP) install --quiet --no-compile $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

# Training on a CPU allocates large buffers each step; huge pages save a third of its time.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.PHONY: demo demo-seeds test test-all lint types sizes docs commands clean

demo: $(VENV)/.train
	$(VENV)/bin/python demo.py --out $(DEMO) --words "$(WORDS)"

demo-seeds: $(VENV)/.train
	$(VENV)/bin/python demo.py --out $(DEMO)-seeds --words "$(WORDS)" --clip-seeds 0 1 2

# Test files run side by side, one process a core. Quick tests compile without optimising, which
# halves their time; slow ones compile as users do.
test: $(VENV)/.dev
	$(TESTS) -m "not slow" --unoptimized

test-all: test $(VENV)/.tools
	$(TESTS) -m slow --maxprocesses 4

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(VENV)/.tools
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

sizes: $(VENV)/bin/python
	$(VENV)/bin/python -m tools.sizes --check

# The pages are built from copies: see tools/site_pages.py.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict

commands: $(VENV)/.train
	$(VENV)/bin/python -m tools.record_commands docs/commands.md

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL) -e ".[train]"
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL) -e ".[train,dev,mine]"
	touch $(VENV)/.train $@

$(VENV)/.tools: $(VENV)/.dev
	$(INSTALL) -e ".[tools]"
	touch $@

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL) -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) $(DEMO)-seeds site
