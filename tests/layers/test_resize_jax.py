"""Resizing on JAX: values and gradients against those of the gathers of other backends."""

import keras
import numpy as np
import pytest

from scmnet_zoo.layers import resize as module
from scmnet_zoo.layers.resize import INTERPOLATIONS, resize

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="for JAX alone")

# Bicubic resizing is a product of matrices on every backend; tests/models/test_efficientvit.py
# compares it with PyTorch's.
BY_GATHERS = [name for name in INTERPOLATIONS if name != "bicubic"]
SIZES = (((5, 7), (9, 16)), ((9, 16), (5, 7)), ((1, 4), (6, 4)), ((6, 5), (1, 1)))


def _by_gathers(x, size, interpolation):
    along = module._nearest if interpolation == "nearest" else module._linear
    for axis, side in zip((1, 2), size, strict=True):
        x = along(x, axis, side, interpolation)
    return x


@pytest.mark.parametrize("interpolation", BY_GATHERS)
@pytest.mark.parametrize(("old", "new"), SIZES, ids=str)
def test_values_and_gradients(old, new, interpolation):
    import jax

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *old, 3)).astype("float32")
    weights = rng.normal(size=(2, *new, 3)).astype("float32")

    def of(function):
        def value(x):
            y = function(x, new, interpolation)
            return (y * weights).sum(), y

        return jax.value_and_grad(value, has_aux=True)(x)

    (_, found), slope = of(resize)
    (_, expected), wanted = of(_by_gathers)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(slope, wanted, atol=1e-5)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_half_precision(interpolation):
    import jax

    x = np.random.default_rng(0).normal(size=(1, 5, 7, 3)).astype("float32")
    half = jax.numpy.asarray(x, "bfloat16")
    y, back = jax.vjp(lambda x: resize(x, (11, 13), interpolation), half)
    assert y.dtype == half.dtype
    np.testing.assert_allclose(y.astype("float32"), resize(x, (11, 13), interpolation), atol=0.03)
    (slope,) = back(jax.numpy.ones_like(y))
    assert slope.dtype == half.dtype
    np.testing.assert_allclose(slope.astype("float32").sum(), y.size, rtol=0.01)


def test_no_scatter_in_the_gradient():
    import jax

    def value(x):
        return resize(x, (9, 16), "bilinear_align_corners").sum()

    assert "scatter" not in str(jax.make_jaxpr(jax.grad(value))(np.ones((1, 5, 7, 3), "float32")))
