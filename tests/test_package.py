import importlib.metadata
import subprocess
import sys

import keras
import pytest

import scmnet_zoo
from scmnet_zoo import layers

UNCHANGED = """
import logging, os, random, sys, warnings
import keras, numpy as np

def state():
    return {
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "format": keras.config.image_data_format(),
        "handlers": list(logging.getLogger().handlers),
        "level": logging.getLogger().level,
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "folder": os.getcwd(),
        "path": list(sys.path),
    }

before = state()
import scmnet_zoo
import scmnet_zoo.cli, scmnet_zoo.evaluation, scmnet_zoo.training
for name in scmnet_zoo.__all__:
    getattr(scmnet_zoo, name)
after = state()
changed = [key for key in before if before[key] != after[key]]
assert not changed, changed
"""


def test_importing_changes_nothing_global():
    done = subprocess.run([sys.executable, "-c", UNCHANGED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_version():
    assert scmnet_zoo.__version__ == importlib.metadata.version("scmnet-zoo")


@pytest.mark.parametrize("name", scmnet_zoo.__all__)
def test_every_public_name_is_there(name):
    assert getattr(scmnet_zoo, name) is not None
    assert name in dir(scmnet_zoo)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="'scmnet_zoo' has no attribute 'SCMNat'"):
        scmnet_zoo.SCMNat  # noqa: B018


# Saved files know these layers by the names that they had first.
EARLIER_NAMES = {
    "FastConv2D": "Conv2D",
    "FastDepthwiseConv2D": "DepthwiseConv2D",
    "OnePassBatchNormalization": "BatchNormalization",
}


@pytest.mark.parametrize("name", layers.__all__)
def test_layers_are_registered(name):
    layer = getattr(layers, name)
    registered = f"scmnet_zoo>{EARLIER_NAMES.get(name, name)}"
    assert keras.saving.get_registered_name(layer) == registered
    assert keras.saving.get_registered_object(registered) is layer
