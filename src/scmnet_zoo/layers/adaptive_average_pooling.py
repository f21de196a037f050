"""Averages over a grid with a fixed number of cells, for maps of any size."""

from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor


@register
class AdaptiveAveragePooling2D(keras.layers.Layer):
    """Averages a map of any size over a grid of `bins` x `bins` cells.

    Cell i of a side n reaches from floor(i n / bins) to ceil((i + 1) n / bins). So the cells
    overlap where `bins` does not divide the side. The sums are float32.

    Args:
        bins: number of cells along each side of the grid.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, bins, bins, channels)`.

    Source: PyTorch's `AdaptiveAvgPool2d` (the bounds of the cells).

    Example:

    >>> x = keras.ops.ones((1, 12, 25, 8))
    >>> keras.ops.shape(AdaptiveAveragePooling2D(6)(x))
    (1, 6, 6, 8)
    """

    def __init__(self, bins: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bins = bins

    def call(self, inputs: Tensor) -> Tensor:
        return adaptive_average_pool(inputs, self.bins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.bins, self.bins, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins}


def adaptive_average_pool(x: Tensor, bins: int) -> Tensor:
    """Average `(batch, height, width, channels)`; see `AdaptiveAveragePooling2D`."""
    height, width, channels = ops.shape(x)[1:]
    # Two products, not an einsum: LiteRT's converter makes none of one over an unknown batch.
    lines = ops.reshape(ops.cast(x, "float32"), (-1, height, width * channels))
    bands = ops.matmul(_cells(height, bins), lines)  # (batch, bins, width * channels)
    bands = ops.reshape(bands, (-1, bins, width, channels))
    pooled = ops.matmul(_cells(width, bins), bands)  # (batch, bins, bins, channels)
    return ops.cast(pooled, x.dtype)


def _cells(side, bins):
    """The (bins, side) matrix that averages a side over its cells."""
    cell = ops.arange(bins, dtype="int32")[:, None]
    pixel = ops.arange(side, dtype="int32")[None, :]
    start, end = cell * side // bins, -((-(cell + 1) * side) // bins)
    inside = ops.cast(ops.logical_and(pixel >= start, pixel < end), "float32")
    return inside / ops.cast(end - start, "float32")
