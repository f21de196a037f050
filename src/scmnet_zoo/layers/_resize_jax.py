"""Resizing of maps to known sizes on JAX, whose gradient is a product of matrices.

The gradient of a gather is a scatter, which adds pixel by pixel: on a GPU it took more than half of
a training step of Fast-SCNN. Importable with JAX only.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def along(x: jax.Array, axis: int, size: int, interpolation: str) -> jax.Array:
    """Resize (batch, height, width, channels) along axis 1 or 2; see `ResizeToPartner`."""
    low, share = _places(x.shape[axis], size, interpolation)
    below = jnp.take(x, low, axis=axis)
    if not share.any():
        return below
    above = jnp.take(x, np.minimum(low + 1, x.shape[axis] - 1), axis=axis)
    ones = [1] * x.ndim
    ones[axis] = size
    return below + (above - below) * jnp.asarray(share.reshape(ones), x.dtype)


def _forward(x, axis, size, interpolation):
    return along(x, axis, size, interpolation), x.shape[axis]


def _backward(axis, size, interpolation, old, gradient):
    low, share = _places(old, size, interpolation)
    matrix = np.zeros((size, old))
    rows = np.arange(size)
    matrix[rows, low] += 1 - share
    matrix[rows, np.minimum(low + 1, old - 1)] += share
    equation = "bnwc,nh->bhwc" if axis == 1 else "bhnc,nw->bhwc"
    return (jnp.einsum(equation, gradient, jnp.asarray(matrix, gradient.dtype)),)


along.defvjp(_forward, _backward)


def _places(old: int, size: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """For each new place the old one at or below it, and how far it lies towards the next."""
    new = np.arange(size)
    if interpolation == "nearest":
        return (2 * new + 1) * old // (2 * size), np.zeros(size)
    if interpolation == "bilinear":
        place = (new + 0.5) * old / size - 0.5
    else:
        place = new * (old - 1) / max(size - 1, 1)
    place = np.clip(place, 0, old - 1)
    low = np.floor(place).astype(np.int64)
    return low, place - low
