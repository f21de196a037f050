"""The zoo's convolution against Keras's own."""

import keras
import numpy as np
import pytest

from scmnet_zoo.layers import FastConv2D, FastDepthwiseConv2D

CASES = (
    {"kernel_size": 1},
    {"kernel_size": 1, "use_bias": False, "activation": "relu", "padding": "same"},
    {"kernel_size": 1, "strides": 2},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 1, "groups": 2},
    {"kernel_size": 3, "strides": 2, "padding": "same"},
    {"kernel_size": (2, 5), "strides": (1, 2), "padding": "same"},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 3, "padding": "same", "dilation_rate": 3},
    {"kernel_size": (3, 1), "strides": 3},
)


@pytest.mark.parametrize("arguments", CASES, ids=str)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [(7, 9), (8, 10)], ids=["odd", "even"])
def test_the_same_as_keras(arguments, size, policy):
    x = np.random.default_rng(0).normal(size=(2, *size, 6)).astype("float32")
    ours = FastConv2D(4, dtype=policy, **arguments)
    theirs = keras.layers.Conv2D(4, dtype=policy, **arguments)
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    found, expected = ours(x), theirs(x)
    assert found.dtype == expected.dtype
    found, expected = (
        keras.ops.convert_to_numpy(one).astype("float32") for one in (found, expected)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5 if policy == "float32" else 0.02)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a product of matrices on JAX alone")
def test_a_pointwise_convolution_is_a_product_of_matrices():
    import jax

    def primitives(**arguments):
        layer = FastConv2D(4, **arguments)
        layer.build((1, 8, 8, 3))
        return str(jax.make_jaxpr(layer)(np.ones((1, 8, 8, 3), "float32")))

    assert "conv_general_dilated" not in primitives(kernel_size=1)
    assert "conv_general_dilated" in primitives(kernel_size=3)
    assert "conv_general_dilated" in primitives(kernel_size=1, strides=2)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="Keras copies on PyTorch alone")
@pytest.mark.parametrize(
    "layer",
    [FastConv2D(4, 3, padding="same"), FastConv2D(4, 1), FastDepthwiseConv2D(3, padding="same")],
    ids=["convolution", "pointwise", "depthwise"],
)
def test_no_copy_is_made_of_the_map(layer):
    """Neither before the convolution nor, as its channels are last in memory, behind it."""
    from torch.profiler import ProfilerActivity, profile

    x = keras.ops.convert_to_tensor(np.ones((1, 16, 16, 6), "float32"))
    layer(x)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        outputs = layer(x)
    assert outputs.is_contiguous()
    copied = [event.input_shapes for event in found.events() if event.name == "aten::clone"]
    assert [1, 6, 16, 16] not in [shapes[0] for shapes in copied]
