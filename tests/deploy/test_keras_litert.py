"""Keras's own export to LiteRT writes files that the interpreter opens."""

import keras
import numpy as np
import pytest
from testing_tools import images, randomise, run

from scmnet_zoo import layers
from scmnet_zoo.models import NETWORKS

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras writes LiteRT with TensorFlow"
)
litert = pytest.importorskip("ai_edge_litert.interpreter")

POOLS = {
    "adaptive": layers.AdaptiveAveragePooling2D,
    "pyramid": lambda bins: layers.PyramidPooling(filters=4, bins=(1, bins)),
}


def _answer(path, x):
    """What the interpreter makes of a batch; its sizes are set where the file leaves them open."""
    interpreter = litert.Interpreter(str(path))
    (image,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(image["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _keras_file(model, path):
    model.export(str(path), format="litert", verbose=False)


def _converter_file(model, path):
    import tensorflow as tf

    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


CASES = [
    ("adaptive", 6, (13, 25), _keras_file),
    ("adaptive", 6, (12, 24), _keras_file),
    ("adaptive", 3, (None, None), _keras_file),
    ("adaptive", 1, (None, 25), _keras_file),
    ("adaptive", 6, (13, 25), _converter_file),
    ("adaptive", 6, (None, None), _converter_file),
    ("pyramid", 6, (None, None), _keras_file),
]


@pytest.mark.parametrize(("pool", "bins", "sides", "write"), CASES)
def test_pooling_over_an_unknown_batch(tmp_path, pool, bins, sides, write):
    image = keras.Input((*sides, 8))
    model = randomise(keras.Model(image, POOLS[pool](bins)(image)))
    write(model, tmp_path / "pool.tflite")
    x = np.random.default_rng(0).normal(size=(1, 13, 25, 8)).astype("float32")
    x = x[:, : sides[0], : sides[1]]
    np.testing.assert_allclose(_answer(tmp_path / "pool.tflite", x), run(model, x), atol=1e-5)


@pytest.mark.parametrize("network", [pytest.param(k, marks=pytest.mark.long) for k in NETWORKS])
@pytest.mark.parametrize("sides", [(64, 96), (None, None)])
def test_every_network(tmp_path, network, sides):
    model = randomise(NETWORKS[network](num_classes=3, input_shape=(*sides, 3)))
    _keras_file(model, tmp_path / "network.tflite")
    x = images(64, 96).astype("float32")
    np.testing.assert_allclose(_answer(tmp_path / "network.tflite", x), run(model, x), atol=1e-4)
