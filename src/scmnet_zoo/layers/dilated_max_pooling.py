"""Max pooling over a dilated window."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register


@register
class DilatedMaxPooling2D(keras.layers.Layer):
    """Maximum over a 3x3 window whose taps lie `dilation_rate` pixels apart, with stride 1.

    This is what a 3x3 pool has to become behind a stride that was traded for dilation, as the
    convolutions there are dilated.

    Args:
        dilation_rate: distance of the taps, in pixels.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 8))
    >>> keras.ops.shape(DilatedMaxPooling2D(2)(x))
    (1, 16, 32, 8)
    """

    def __init__(self, dilation_rate=2, **kwargs):
        super().__init__(**kwargs)
        self.dilation_rate = dilation_rate

    def call(self, inputs):
        d = self.dilation_rate
        height, width = ops.shape(inputs)[1:3]
        x = ops.pad(inputs, ((0, 0), (d, d), (d, d), (0, 0)), constant_values=float("-inf"))
        x = _maximum([x[:, i * d : i * d + height] for i in range(3)])  # (batch, h, w + 2d, c)
        return _maximum([x[:, :, i * d : i * d + width] for i in range(3)])

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "dilation_rate": self.dilation_rate}


def _maximum(taps):
    return ops.maximum(ops.maximum(taps[0], taps[1]), taps[2])
