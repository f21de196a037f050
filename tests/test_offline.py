"""The shipped weights need no network, and JAX no TensorFlow; each in a process of its own."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

USE = """
import numpy as np
import scmnet_zoo
model = scmnet_zoo.FastSCNN(weights="camvid")
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


def _run(code, *prefix, **environment):
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
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


REFUSED = """
import os, time
import scmnet_zoo
from scmnet_zoo import ContextNet, DeepLabV3Plus, FastSCNN, SCMNet
SCMNet(weights="camvid")

def refused(build, *parts):
    since = time.perf_counter()
    try:
        build()
    except (ValueError, OSError) as error:
        message = str(error)
    seconds = time.perf_counter() - since
    assert seconds < 5, seconds  # a connection would be waited for longer
    assert len(message.splitlines()) == 1, message
    assert all(part in message for part in parts), message

SCMNet(weights="cityscapes", num_classes=19)
FastSCNN(weights="cityscapes", num_classes=19)
DeepLabV3Plus(weights="cityscapes", backbone="mobilenet_v2", num_classes=19)
refused(lambda: SCMNet(weights="bdd100k"), "`scmnet-zoo train --network scmnet", "own/scmnet")
refused(lambda: ContextNet(weights="bdd100k"), "`scmnet-zoo train", "take scmnet/cityscapes")
refused(
    lambda: FastSCNN(weights="cityscapes_osmr"), "https://github.com/osmr/", os.environ["REASON"]
)
refused(
    lambda: DeepLabV3Plus(backbone="xception", backbone_weights="imagenet"),
    "https://storage.googleapis.com/", os.environ["REASON"],
)
print("done")
"""


def test_what_is_not_here_is_refused_at_once(tmp_path):
    reason = "not asked, as SCMNET_ZOO_OFFLINE is set"
    home = {"SCMNET_ZOO_HOME": str(tmp_path), "REASON": reason}
    _run(NO_SOCKETS + REFUSED, SCMNET_ZOO_OFFLINE="1", **home)


@pytest.mark.network
def test_a_machine_without_any_network_knows_it_at_once(tmp_path):
    """In a network namespace of its own, with nothing in it."""
    unshare = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"]).returncode:
        pytest.skip("needs a system that lets `unshare` make a network namespace")
    home = {"SCMNET_ZOO_HOME": str(tmp_path), "REASON": "this machine has no network"}
    _run(REFUSED, *unshare, **home)
