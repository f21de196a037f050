"""Resizing of maps to the size of a partner map, with equal results on every backend."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor

INTERPOLATIONS = ("nearest", "bilinear", "bilinear_align_corners", "bicubic")
CUBIC = -0.75  # the coefficient of PyTorch's, Caffe's and OpenCV's kernel; Keras's is -0.5


@register
class ResizeToPartner(keras.layers.Layer):
    """Resizes a map to the height and width of a partner map.

    The sizes may be unknown when the model is built. So the networks of the zoo take images of any
    size.

    Args:
        interpolation: `"nearest"` and `"bilinear"` have half-pixel centres; with
            `"bilinear_align_corners"` the corner pixels of input and output coincide, as in
            Caffe, chainer and PyTorch's `align_corners=True`. `"bicubic"` is PyTorch's on every
            backend: half-pixel centres, coefficient -0.75, the border's pixels repeated beyond it.

    Input shape: a pair `[(batch, h, w, channels), (batch, height, width, anything)]`.

    Output shape: `(batch, height, width, channels)`.

    Raises:
        ValueError: `interpolation` is unknown, or the input is not a pair of maps.

    Example:

    >>> low, high = keras.ops.ones((1, 23, 30, 8)), keras.ops.ones((1, 45, 60, 3))
    >>> keras.ops.shape(ResizeToPartner("bilinear")([low, high]))
    (1, 45, 60, 8)
    """

    def __init__(self, interpolation: str = "nearest", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"Expected interpolation to be one of {INTERPOLATIONS}. "
                f"Received: interpolation={interpolation!r}"
            )
        self.interpolation = interpolation

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_pair(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        x, partner = inputs
        return resize(x, ops.shape(partner)[1:3], self.interpolation)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        _check_pair(input_shape)
        x, partner = input_shape
        return (x[0], partner[1], partner[2], x[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


def _check_pair(shapes):
    pair = isinstance(shapes, list | tuple) and len(shapes) == 2
    if not pair or any(not isinstance(s, list | tuple) or len(s) != 4 for s in shapes):
        raise ValueError(
            f"Expected a pair of maps (batch, height, width, channels). Received: shapes {shapes}"
        )


def resize(x: Tensor, size: Any, interpolation: str) -> Tensor:
    """Resize `(batch, h, w, channels)` to `(batch, *size, channels)`; see `ResizeToPartner`."""
    if interpolation != "nearest" and not keras.backend.is_float_dtype(x.dtype):
        mixed = resize(ops.cast(x, "float32"), size, interpolation)
        return ops.saturate_cast(ops.round(mixed), x.dtype)  # cubic ones go beyond the values
    if interpolation == "nearest" and tuple(x.shape[1:3]) == (1, 1):
        return ops.broadcast_to(x, (ops.shape(x)[0], *size, x.shape[3]))
    known = all(isinstance(side, int) for side in (*x.shape[1:3], *size))
    if (
        interpolation == "nearest"
        and known
        and not any(new % old for new, old in zip(size, x.shape[1:3], strict=True))
    ):
        return _repeat(x, size)
    if interpolation == "bicubic":  # along the width first, while there are few rows
        return _cubic(_cubic(x, 2, size[1]), 1, size[0])
    if known and keras.backend.backend() == "jax":
        from scmnet_zoo.layers import _resize_jax

        for axis, side in zip((1, 2), size, strict=True):
            x = _resize_jax.along(x, axis, side, interpolation)
        return x
    if interpolation != "bilinear_align_corners" and known:
        return ops.image.resize(x, size, interpolation=interpolation, data_format="channels_last")
    along = _nearest if interpolation == "nearest" else _linear
    for axis, side in zip((1, 2), size, strict=True):
        x = along(x, axis, side, interpolation)
    return x


def _repeat(x, size):
    """Nearest neighbour by whole factors: a broadcast, which needs no gather or scatter."""
    height, width, channels = x.shape[1:]
    tall, wide = size[0] // height, size[1] // width
    x = ops.reshape(x, (-1, height, 1, width, 1, channels))
    x = ops.broadcast_to(x, (ops.shape(x)[0], height, tall, width, wide, channels))
    return ops.reshape(x, (-1, height * tall, width * wide, channels))


def _nearest(x, axis, size, _):
    """Nearest neighbour along one axis, with half-pixel centres, in whole numbers."""
    position = (2 * ops.arange(size, dtype="int32") + 1) * ops.shape(x)[axis] // (2 * size)
    return ops.take(x, position, axis=axis)


def _linear(x, axis, size, interpolation):
    """Linear interpolation along one axis."""
    old = ops.shape(x)[axis]
    position = ops.cast(ops.arange(size, dtype="int32"), "float32")
    if interpolation == "bilinear":
        position = (position + 0.5) * (ops.cast(old, "float32") / ops.cast(size, "float32")) - 0.5
    else:
        steps = ops.cast(ops.maximum(size - 1, 1), "float32")
        position = position * (ops.cast(old - 1, "float32") / steps)
    position = ops.clip(position, 0.0, ops.cast(old - 1, "float32"))
    low = ops.cast(ops.floor(position), "int32")
    high = ops.minimum(low + 1, old - 1)
    share = ops.cast(position - ops.cast(low, "float32"), x.dtype)
    share = ops.reshape(share, (-1, 1, 1) if axis == 1 else (-1, 1))
    below, above = ops.take(x, low, axis=axis), ops.take(x, high, axis=axis)
    return below + (above - below) * share


def _cubic(x, axis, size):
    """Cubic interpolation along one axis, as a product of matrices."""
    old = ops.shape(x)[axis]
    if isinstance(old, int) and isinstance(size, int):
        shares = ops.convert_to_tensor(cubic_shares(old, size), x.dtype)
    else:
        scale = ops.cast(old, "float32") / ops.cast(size, "float32")
        shares = ops.cast(_cubic_shares(ops, old, size, scale, "float32"), x.dtype)
    if axis == 2:
        return ops.matmul(shares, x)
    width, channels = ops.shape(x)[2], x.shape[3]
    x = ops.matmul(shares, ops.reshape(x, (-1, old, width * channels)))
    return ops.reshape(x, (-1, size, width, channels))


def cubic_shares(old: int, size: int) -> np.ndarray:
    """What each old pixel gives to each new one in cubic resizing, (size, old), as NumPy."""
    return _cubic_shares(np, old, size, old / size, "float64")


def _cubic_shares(library, old, size, scale, dtype):
    """`cubic_shares` by NumPy, or by `keras.ops` for sizes that are unknown."""
    place = (library.arange(size, dtype=dtype) + 0.5) * scale - 0.5
    low, columns, shares = library.floor(place), library.arange(old, dtype=dtype), 0.0
    last = columns[-1]
    for tap in range(-1, 3):
        away = library.abs(place - (low + tap))
        inner = ((CUBIC + 2) * away - (CUBIC + 3)) * away * away + 1
        outer = ((away - 5) * away + 8) * away * CUBIC - 4 * CUBIC
        share = library.where(away <= 1, inner, outer)
        column = library.clip(low + tap, 0.0, last)
        shares = shares + library.where(columns == column[:, None], share[:, None], 0.0)
    return shares
