"""JAX and PyTorch, each in its own process, give what TensorFlow gives from the same weights."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import CASES
from testing_tools import images, randomise, relative_error, run

pytestmark = [
    pytest.mark.backends,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow is compared"),
]

TESTS = Path(__file__).resolve().parents[1]
# JAX compiles each network for each size: at the even one SCMNet only.
SIZES = {
    "jax": {name: [(33, 47), (64, 96)] if name == "scmnet" else [(33, 47)] for name in CASES},
    "torch": {name: [(33, 47), (64, 96)] for name in CASES},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Files of the networks' weights, and TensorFlow's outputs, logits, by network and size."""
    directory, expected = tmp_path_factory.mktemp("backends"), {}
    for name, case in CASES.items():
        case.write(randomise(case.build(num_classes=5)), directory / f"{name}.safetensors")
        model = case.build(weights=directory / f"{name}.safetensors", classifier_activation=None)
        for size in SIZES["torch"][name]:
            expected["{}/{}x{}".format(name, *size)] = run(model, images(*size))
    return directory, expected


@pytest.mark.parametrize("backend", SIZES)
def test_backends_agree(written, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    directory, expected = written
    target, asked = directory / f"{backend}.npz", json.dumps(SIZES[backend])
    done = subprocess.run(
        [sys.executable, TESTS / "models" / "backend_outputs.py", directory, target, asked],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "models")]),
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of the time
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(target) as file:
        errors = {key: relative_error(file[key], expected[key]) for key in file.files}
    assert len(errors) == sum(len(sizes) for sizes in SIZES[backend].values())
    assert {key: error for key, error in errors.items() if not error < 1e-4} == {}
