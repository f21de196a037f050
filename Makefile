# Each target makes its own virtual environment in .venv from a bare Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers: each holds a deep-learning framework, and CI has two cores. A file's tests, which
# share what is slow to build, run on one of them, except where each test takes long by itself.
PYTEST ?= -n 2 --dist loadfile --disable-warnings --durations 12
# What other backends than TensorFlow run; JAX compiles for minutes what is marked long there.
PORTABLE := tests/layers tests/models/test_contract.py tests/losses tests/metrics \
	tests/deploy/test_fuse.py \
	tests/data/test_augment.py tests/data/test_frames.py tests/data/test_loader.py
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Python compiles what is imported; pip would compile all that is installed, most of it for nothing.
export PIP_NO_COMPILE ?= 1

.PHONY: example test lint types docs faults check-backends long clean

example: $(VENV)/.package
	$(BIN)/scmnet-zoo segment --example --output example-output

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint
	$(BIN)/mypy

docs: $(VENV)/.lint
	$(BIN)/mkdocs build --quiet --site-dir site

# Twice, each in another order, and each within three minutes.
RUNS ?= 2
faults: $(VENV)/.test
	for run in $$(seq $(RUNS)); do seed=$$(date +%s); echo "order $$seed"; \
		timeout 180 $(BIN)/python -m pytest $(PYTEST) -m network \
		--random-order-bucket=global --random-order-seed=$$seed || exit 1; done

# The references that need PyTorch, the agreement of backends, then the suite, on JAX and PyTorch.
# Compiling is most of the time on JAX: little is optimised, and nothing is compiled twice; of
# training only the runs that are killed, which are among the agreements, are run there, and of the
# networks SCMNet and Fast-SCNN; the agreements have all four.
check-backends: export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/$(VENV)/jax-cache
check-backends: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0.1
check-backends: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES = -1
check-backends: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
check-backends: $(VENV)/.backends
	$(BIN)/python -m pytest $(PYTEST) tests/models/test_fast_scnn.py tests/models/test_contextnet.py \
		tests/benchmark/test_torch_scmnet.py tests/benchmark/test_depthwise_triton.py
	$(BIN)/python -m pytest $(PYTEST) --dist load -m backends
	KERAS_BACKEND=jax $(BIN)/python -m pytest $(PYTEST) --dist load $(PORTABLE) -k 'not deeplabv3plus and not contextnet'
	KERAS_BACKEND=torch $(BIN)/python -m pytest $(PYTEST) $(PORTABLE) tests/training

# The longest first; of training on PyTorch, where it starts soonest.
long: $(VENV)/.backends
	$(BIN)/python -m pytest $(PYTEST) --dist load -m long tests/test_finetune.py tests \
		--ignore tests/training
	KERAS_BACKEND=torch $(BIN)/python -m pytest $(PYTEST) -m long tests/training

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Expected Python 3.11 or newer. Received: " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.package
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[test,lint,docs]'
	touch $@

$(VENV)/.backends: $(VENV)/.test
	$(BIN)/python -m pip install --quiet 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --editable '.[test,jax,torch,reference]'
	touch $@

clean:
	rm -rf $(VENV) dist site example-output
