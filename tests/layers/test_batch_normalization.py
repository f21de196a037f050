"""The zoo's batch norm against Keras's own, in training and in use."""

import keras
import numpy as np
import pytest
from testing_tools import gradients

from scmnet_zoo.layers import OnePassBatchNormalization

CASES = (
    {},
    {"scale": False, "center": False, "momentum": 0.5},
    {"axis": 1, "epsilon": 1e-5},
    {"renorm": True},
)


def _pair(policy="float32", **arguments):
    layers = [
        kind(dtype=policy, **arguments)
        for kind in (OnePassBatchNormalization, keras.layers.BatchNormalization)
    ]
    rng = np.random.default_rng(1)
    shape = (3, 8, 6, 4)
    for layer in layers:
        layer.build(shape)
    values = [rng.uniform(0.5, 2, variable.shape) for variable in layers[0].weights]
    for layer in layers:
        layer.set_weights(values)
    return layers, rng.normal(2, 3, shape).astype("float32")


@pytest.mark.parametrize("arguments", CASES, ids=str)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [True, False])
def test_the_same_as_keras(arguments, policy, training):
    (ours, theirs), x = _pair(policy, **arguments)
    found, expected = (layer(x, training=training) for layer in (ours, theirs))
    assert found.dtype == expected.dtype
    found, expected = (
        keras.ops.convert_to_numpy(keras.ops.cast(one, "float32")) for one in (found, expected)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5 if policy == "float32" else 0.04)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_gradients():
    """Of a convolution before it too, which sees what flows through mean and variance."""
    found = []
    for kind in (OnePassBatchNormalization, keras.layers.BatchNormalization):
        keras.utils.set_random_seed(0)
        image = keras.Input((8, 6, 3))
        y = kind(name="bn")(keras.layers.Conv2D(4, 3, name="conv")(image))
        model = keras.Model(image, keras.ops.sin(y))
        x = np.random.default_rng(0).normal(1, 2, (3, 8, 6, 3)).astype("float32")
        found.append(gradients(model, x, training=True))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("moving_mean", "tolerance"), [(0.0, 2e-2), (250.0, 5e-4)])
def test_a_mean_far_from_zero(moving_mean, tolerance):
    """A hundred standard deviations: what the docstring says of the variance."""
    (ours, _), x = _pair()
    x = (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)) * 3 + 300
    ours.momentum = 0.0
    ours.moving_mean.assign([moving_mean] * 4)
    ours(x, training=True)
    variance = keras.ops.convert_to_numpy(ours.moving_variance.value)
    np.testing.assert_allclose(variance, x.astype(float).var((0, 1, 2)), rtol=tolerance)


def test_a_channel_that_is_constant():
    (ours, _), x = _pair()
    outputs = keras.ops.convert_to_numpy(ours(np.full_like(x, 1234.5), training=True))
    assert np.isfinite(outputs).all()


def test_frozen():
    (ours, _), x = _pair()
    before = ours.get_weights()
    ours.trainable = False
    outputs = ours(x, training=True)
    for one, other in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    used = ours(x, training=False)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(one) for one in (outputs, used)))
