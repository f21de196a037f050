"""TensorFlow, JAX and PyTorch give the same from the same weights, each in its own process."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import CASES
from testing_tools import images, randomise, relative_error

pytestmark = pytest.mark.backends

TESTS = Path(__file__).resolve().parents[1]
SIZES = ((64, 96), (33, 47))
BACKENDS = ("tensorflow", "jax", "torch")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of all networks by backend, those of each computed when first asked for."""
    directory = tmp_path_factory.mktemp("backends")
    for name, case in CASES.items():
        case.write(randomise(case.build(num_classes=5)), directory / f"{name}.safetensors")
    np.savez(directory / "images.npz", **{f"{h}x{w}": images(h, w) for h, w in SIZES})
    found = {}

    def get(backend):
        if backend not in found:
            target = directory / f"{backend}.npz"
            command = [sys.executable, TESTS / "models" / "backend_outputs.py", directory, target]
            path = os.pathsep.join([str(TESTS), str(TESTS / "models")])
            environment = {
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": path,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of the time
            }
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
            with np.load(target) as file:
                found[backend] = {key: file[key] for key in file.files}
        return found[backend]

    return get


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backends_agree(outputs, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    expected = outputs(BACKENDS[0])
    actual = outputs(backend)
    assert actual.keys() == expected.keys()
    assert len(actual) == len(CASES) * len(SIZES)
    errors = {key: relative_error(actual[key], expected[key]) for key in expected}
    assert {key: error for key, error in errors.items() if not error < 1e-4} == {}
