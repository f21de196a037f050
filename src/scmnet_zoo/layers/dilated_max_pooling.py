"""Max pooling over a dilated window."""

from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor


@register
class DilatedMaxPooling2D(keras.layers.Layer):
    """Takes the maximum over a dilated 3x3 window, with stride 1.

    In a backbone whose later strides are replaced by dilation (Xception at output stride 8 or 16),
    this layer replaces the 3x3 max pools, as dilated convolutions replace the convolutions.

    Args:
        dilation_rate: distance of the taps, in pixels. Defaults to 2.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 8))
    >>> keras.ops.shape(DilatedMaxPooling2D(2)(x))
    (1, 16, 32, 8)
    """

    def __init__(self, dilation_rate: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dilation_rate = dilation_rate

    def call(self, inputs: Tensor) -> Tensor:
        d = self.dilation_rate
        height, width = ops.shape(inputs)[1:3]
        x = ops.pad(inputs, ((0, 0), (d, d), (d, d), (0, 0)), constant_values=float("-inf"))
        x = _maximum([x[:, i * d : i * d + height] for i in range(3)])  # (batch, h, w + 2d, c)
        return _maximum([x[:, :, i * d : i * d + width] for i in range(3)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dilation_rate": self.dilation_rate}


def _maximum(taps):
    return ops.maximum(ops.maximum(taps[0], taps[1]), taps[2])
