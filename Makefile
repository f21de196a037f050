# Each target makes its own virtual environment in .venv from a bare Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers: each holds a deep-learning framework, and CI has two cores. A file's tests, which
# share what is slow to build, run on one of them, except where each test takes long by itself.
PYTEST ?= -n 2 --dist loadfile --disable-warnings --durations 12
# Of the packages; CI takes a quicker one.
INSTALL ?= $(BIN)/python -m pip install --quiet
# What other backends than TensorFlow run; JAX compiles for minutes what is marked long there.
PORTABLE := tests/layers tests/models/test_contract.py tests/losses tests/metrics \
	tests/deploy/test_fuse.py \
	tests/data/test_augment.py tests/data/test_frames.py tests/data/test_loader.py \
	tests/training/test_averages.py tests/training/test_jax_options.py \
	lab/tests/test_profile_train.py
REFERENCES := tests/models/test_fast_scnn.py tests/models/test_contextnet.py \
	tests/models/test_efficientnet_lite.py tests/models/test_efficientvit.py \
	tests/weights/test_importers.py tests/weights/test_torch_file.py \
	lab/tests/test_torch_scmnet.py
export TF_CPP_MIN_LOG_LEVEL ?= 3
# A thread for each of the two workers: on two cores more of them wait for each other.
test faults check-backends long: export OMP_NUM_THREADS ?= 1
test faults check-backends long: export TF_NUM_INTRAOP_THREADS ?= 1
test faults check-backends long: export TF_NUM_INTEROP_THREADS ?= 1
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
	$(BIN)/lint-imports --no-logo --no-cache

types: $(VENV)/.lint
	$(BIN)/mypy
	$(BIN)/python .ci/typed

docs: $(VENV)/.lint
	$(BIN)/mkdocs build --quiet --site-dir site

# Twice, each in another order, and each within three minutes.
RUNS ?= 2
faults: $(VENV)/.test
	for run in $$(seq $(RUNS)); do seed=$$(date +%s); echo "order $$seed"; \
		timeout 180 $(BIN)/python -m pytest $(PYTEST) -m network \
		--random-order-bucket=global --random-order-seed=$$seed || exit 1; done

# The suite on JAX and PyTorch, on the latter with the comparisons with pytorchcv
# and others. Compiling is most of the time on JAX: little is optimised, and nothing is compiled twice. What is
# left out there is in the agreement of backends, which is long: networks but for what Fast-SCNN and
# fusing need, augmentation but for its draws; so are runs that are killed, all there is of training.
ON_JAX := not deeplabv3plus and not contextnet and not efficientvit and not (test_contract and scmnet) and \
	not (test_augment and not seed) and not documented_example and not mixed_float16
check-backends long: export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/$(VENV)/jax-cache
check-backends long: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0.1
check-backends long: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES = -1
check-backends long: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
check-backends: $(VENV)/.backends
	KERAS_BACKEND=jax $(BIN)/python -m pytest $(PYTEST) --dist worksteal $(PORTABLE) \
		-k '$(ON_JAX)'
	KERAS_BACKEND=torch $(BIN)/python -m pytest $(PYTEST) $(PORTABLE) $(REFERENCES) tests/training

# What takes long, and what compares backends in processes of their own; of training what takes
# long is run on PyTorch, where it does not, by the target above. Then all tests of the lab.
long: $(VENV)/.backends
	$(BIN)/python -m pytest $(PYTEST) --dist worksteal -m 'long or backends' \
		tests/test_finetune.py tests $(addprefix --ignore tests/training/test_, \
		loop.py interruption.py faults.py)
	$(BIN)/python -m pytest $(PYTEST) --dist worksteal -m 'not network' lab/tests

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Expected Python 3.11 or newer. Received: " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: $(VENV)/bin/python pyproject.toml
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.package
	$(INSTALL) --editable '.[test]'
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(INSTALL) --editable '.[test,lint,docs]'
	touch $@

# Without what pytorchcv asks for: torchvision, which no comparison needs, would replace PyTorch by
# a build for CUDA of several GB.
$(VENV)/.backends: $(VENV)/.test
	$(INSTALL) 'torch==2.13.0'
	$(INSTALL) --editable '.[test,jax,torch]'
	$(INSTALL) --no-deps 'pytorchcv==0.0.74' 'efficientnet-lite-pytorch==0.1.0'
	touch $@

clean:
	rm -rf $(VENV) dist site example-output
