# Every target does all of its own set-up: python3, pip, make and a package index are enough.
PYTHON ?= python3
VENV := .venv
TOOLS := .cache/tools
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(TOOLS)/bin/uv
RUN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help up test lint bench e2e docs dist clean

help: ## show the targets
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-6s %s\n", $$1, $$2}'

# A folder of its own (--target) works with an externally managed Python and without the venv module.
$(TOOLS)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Spanledger needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target $(TOOLS) 'uv>=0.8'

$(VENV)/.installed: $(TOOLS)/bin/uv pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --compile-bytecode --python $(PYTHON)
	@touch $@

up: $(VENV)/.installed ## start the product (ARGS="--data DIR --grpc HOST:PORT --http HOST:PORT")
	$(RUN)/spanledger up $(ARGS)

test: $(VENV)/.installed ## run every test (ARGS for pytest)
	$(RUN)/pytest --numprocesses auto $(ARGS)

lint: $(VENV)/.installed ## style, formatting and types
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

bench: $(VENV)/.installed ## measure the figures of benchmarks/README.md
	$(RUN)/python -m benchmarks $(ARGS)

e2e: $(VENV)/.installed ## real SDKs, the real Collector and the emitter matrix (ARGS="-k strands") against a running receiver
	$(RUN)/pytest tests/e2e $(ARGS)

docs: $(VENV)/.installed ## renew the generated parts of the documents
	$(RUN)/python docs/generate.py
	$(RUN)/python -m tests.e2e.emitter_table

dist: $(VENV)/.installed ## build the wheel and the source distribution
	$(UV) build --quiet

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache
