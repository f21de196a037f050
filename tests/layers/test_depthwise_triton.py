"""The kernels for JAX on a GPU against the shifted form: interpreted, as there is no GPU here."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from scmnet_zoo.layers import FastDepthwiseConv2D, depthwise_conv2d

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the kernels are for JAX alone"
)

# Shape of the input, taps, stride, dilation, padding: borders inside a tile, channels that fill
# none, maps smaller than a tile.
CASES = (
    ((2, 9, 13, 24), 3, 1, (2, 2), "same"),
    ((1, 10, 12, 48), 3, 2, (1, 1), "same"),
    ((2, 7, 5, 96), 3, 1, (6, 3), "same"),
    ((1, 5, 70, 70), 2, 2, (1, 1), "valid"),
)


def _ours(x, kernel, stride, dilation, padding):
    return depthwise_conv2d._triton_depthwise(
        x, kernel, (stride, stride), dilation, padding, interpret=True
    )


def _shifted(x, kernel, stride, dilation, padding):
    return depthwise_conv2d._shifted_depthwise(x, kernel, (stride, stride), dilation, padding)


@pytest.fixture(autouse=True)
def few_programs(monkeypatch):
    """Several tiles each, and the last has fewer; interpreted they run one after another."""
    monkeypatch.setattr(depthwise_conv2d._triton(), "PROGRAMS", 4)


@pytest.mark.parametrize(("shape", "taps", "stride", "dilation", "padding"), CASES)
def test_outputs_and_gradients(shape, taps, stride, dilation, padding):
    import jax

    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    kernel = rng.normal(size=(taps, taps, shape[3], 1)).astype("float32")
    settings = stride, dilation, padding
    expected, pull_expected = jax.vjp(lambda x, k: _shifted(x, k, *settings), x, kernel)
    found, pull = jax.vjp(lambda x, k: _ours(x, k, *settings), x, kernel)
    up = rng.normal(size=expected.shape).astype("float32")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for ours, theirs in zip(pull(up), pull_expected(up), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_half_precision_is_summed_in_float32():
    import jax

    rng = np.random.default_rng(0)
    x = jax.numpy.asarray(rng.normal(size=(2, 12, 20, 16)), "bfloat16")
    kernel = jax.numpy.asarray(rng.normal(size=(3, 3, 16, 1)), "bfloat16")
    wide = x.astype("float32"), kernel.astype("float32")
    expected, pull_expected = jax.vjp(lambda x, k: _shifted(x, k, 1, (1, 1), "same"), *wide)
    found, pull = jax.vjp(lambda x, k: _ours(x, k, 1, (1, 1), "same"), x, kernel)
    up = jax.numpy.asarray(rng.normal(size=expected.shape), "bfloat16")
    pairs = [(found, expected)]
    pairs += zip(pull(up), pull_expected(up.astype("float32")), strict=True)
    for ours, theirs in pairs:
        assert ours.dtype == "bfloat16"
        error = np.abs(np.asarray(ours, "float32") - theirs).max() / np.abs(theirs).max()
        assert error < 2**-8, "more than the rounding of the result"


def test_the_layer_takes_them_where_they_run(monkeypatch):
    """As on a GPU: the layer's own weights, bias and activation go through the kernels."""
    triton = depthwise_conv2d._triton()
    layer = FastDepthwiseConv2D(3, strides=2, padding="same", activation="relu")
    x = np.random.default_rng(0).normal(size=(1, 9, 12, 8)).astype("float32")
    expected = keras.ops.convert_to_numpy(layer(x))
    assert not triton.takes(x, layer.kernel, (2, 2))
    called = []

    def interpreted(*arguments):
        called.append(arguments[0].shape)
        return original(*arguments, interpret=True)

    original = depthwise_conv2d._triton_depthwise
    monkeypatch.setattr(triton, "_ampere", lambda device: True)
    monkeypatch.setattr(depthwise_conv2d, "_triton_depthwise", interpreted)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, atol=1e-5)
    assert called == [x.shape]


def test_what_they_do_not_take(monkeypatch):
    triton = depthwise_conv2d._triton()
    monkeypatch.setattr(triton, "_ampere", lambda device: True)
    x, kernel = np.zeros((1, 8, 8, 4), "float32"), np.zeros((3, 3, 4, 1), "float32")
    assert triton.takes(x, kernel, (1, 1))
    assert not triton.takes(x, kernel, (3, 3))
    assert not triton.takes(x, kernel, (1, 2))
    assert not triton.takes(x, np.zeros((3, 3, 4, 2), "float32"), (1, 1))


def test_they_lower_for_a_gpu():
    """As far as that goes without one: to Triton's own language."""
    import jax

    def both(x, kernel):
        return jax.vjp(
            lambda x, k: depthwise_conv2d._triton_depthwise(x, k, (2, 2), (1, 1), "same"), x, kernel
        )[1](jax.numpy.ones((1, 8, 8, 24), x.dtype))

    shapes = ((1, 16, 16, 24), (3, 3, 24, 1))
    traced = jax.jit(both).trace(*(jax.ShapeDtypeStruct(shape, "bfloat16") for shape in shapes))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "triton" in text


def test_the_devices_that_have_them():
    import jax

    triton = depthwise_conv2d._triton()

    def gpu(kind, capability):
        return triton._ampere(SimpleNamespace(device_kind=kind, compute_capability=capability))

    assert gpu("NVIDIA H100 80GB HBM3", "9.0")
    assert gpu("NVIDIA A10", "8.6")
    assert not gpu("NVIDIA T4", "7.5")
    assert not gpu("AMD Instinct MI300X", "9.4")
    cpu = jax.devices("cpu")[0]
    assert not triton._ampere(cpu)
    for chosen in (cpu, "cpu", None):
        with jax.default_device(chosen):
            assert triton._device() == cpu
