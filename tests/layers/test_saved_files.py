"""A file of an earlier commit, and earlier names of layers.

`saved/earlier.keras` was written by commit effbd69: a network of all layers of that commit that
have weights, which are random. `saved/earlier.npy` is what the network gave at every tenth pixel.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from testing_tools import images, run

from scmnet_zoo import layers

SAVED = Path(__file__).parent / "saved"


def test_a_file_of_an_earlier_commit_loads():
    model = keras.saving.load_model(SAVED / "earlier.keras")
    assert type(model.get_layer("stem_conv")) is layers.FastConv2D
    assert type(model.get_layer("stem_bn")) is layers.OnePassBatchNormalization
    found = run(model, images(70, 93))[0, ::10, ::10]
    np.testing.assert_allclose(found, np.load(SAVED / "earlier.npy"), atol=1e-4)


@pytest.mark.parametrize("name", layers.RENAMED)
def test_earlier_names_warn(name):
    with pytest.warns(DeprecationWarning, match=f"{name} is called {layers.RENAMED[name]} now"):
        layer = getattr(layers, name)
    assert layer is getattr(layers, layers.RENAMED[name])


@pytest.mark.parametrize("name", layers.RENAMED)
def test_saved_names_stay(name):
    """HDF5 files hold layers of lists under the names of their classes."""
    layer = getattr(layers, layers.RENAMED[name])
    assert layer.__name__ == name
    assert keras.saving.get_registered_name(layer) == f"scmnet_zoo>{name}"


def test_unknown_names_are_errors():
    with pytest.raises(AttributeError, match="'Conv3D'"):
        layers.Conv3D  # noqa: B018
