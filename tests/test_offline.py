"""The shipped weights need no network, and JAX no TensorFlow; each in a process of its own."""

import importlib.util
import os
import subprocess
import sys

import pytest

USE = """
import numpy as np
import scmnet_zoo
model = scmnet_zoo.SCMNet(weights="camvid")
answer = np.asarray(model.predict(np.full((1, 64, 96, 3), 100, "uint8"), verbose=0))
assert answer.shape == (1, 64, 96, 11), answer.shape
np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-4)
print("done")
"""

NO_SOCKETS = """
import socket

def refuse(*arguments, **named):
    raise AssertionError("a connection was asked for")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = socket.getaddrinfo = refuse
"""

# An import of it then fails, and who only asks whether it is there hears no.
NO_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
"""


def _run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("done\n")


def test_without_a_network():
    _run(NO_SOCKETS + USE)


@pytest.mark.backends
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_without_tensorflow(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    _run(NO_TENSORFLOW + USE, KERAS_BACKEND=backend)
