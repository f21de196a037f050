"""Pyramid pooling module."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.adaptive_average_pooling import adaptive_average_pool
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.resize import resize


@register
class PyramidPooling(keras.layers.Layer):
    """Averages over grids of falling coarseness, brought back to the map and joined with it.

    Each bin count b averages the map to b x b, followed by a 1x1 convolution to a `len(bins)`-th
    of the input's channels, batch norm, ReLU and bilinear resizing with aligned corners. The map
    and all branches are concatenated and projected by a 1x1 convolution, batch norm and ReLU.
    The b x b averages are those of an adaptive average pool: any map size works.

    Sublayers: `bin1_conv`, `bin1_bn` and so on for each bin; `project_conv`, `project_bn`.

    Args:
        filters: number of output channels.
        bins: the grids' sides.
        momentum, epsilon: of the batch norms.

    Input shape: `(batch, height, width, channels)`, channels a multiple of `len(bins)`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: no bins, or channels that are not a multiple of their number.

    Source: Zhao et al. 2017, PSPNet, arXiv 1612.01105, section 3.2; with these bins and channels
    in Poudel et al. 2019, Fast-SCNN, arXiv 1902.04502, table 1.

    Example:

    >>> x = keras.ops.ones((1, 12, 24, 128))
    >>> keras.ops.shape(PyramidPooling(128)(x))
    (1, 12, 24, 128)
    """

    def __init__(self, filters, bins=(1, 2, 3, 6), momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        if not bins:
            raise ValueError(f"Expected one bin count or more. Received: bins={bins}")
        self.filters = filters
        self.bins = tuple(bins)
        self.momentum = momentum
        self.epsilon = epsilon

    def _conv_bn(self, filters, prefix):
        conv = Conv2D(
            filters,
            1,
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=f"{prefix}_conv",
        )
        bn = BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype_policy,
            name=f"{prefix}_bn",
        )
        return conv, bn

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % len(self.bins):
            raise ValueError(
                f"Expected a number of channels that is a multiple of {len(self.bins)}, the "
                f"number of bins. Received: input_shape={input_shape}"
            )
        filters = channels // len(self.bins)
        self.bin_convs, self.bin_bns = [], []
        for count in self.bins:
            conv, bn = self._conv_bn(filters, f"bin{count}")
            conv.build(input_shape)
            bn.build((input_shape[0], count, count, filters))
            self.bin_convs.append(conv)
            self.bin_bns.append(bn)
        self.project_conv, self.project_bn = self._conv_bn(self.filters, "project")
        self.project_conv.build((*input_shape[:-1], 2 * channels))
        self.project_bn.build((*input_shape[:-1], self.filters))

    def call(self, inputs, training=None):
        size = ops.shape(inputs)[1:3]
        branches = [inputs]
        for count, conv, bn in zip(self.bins, self.bin_convs, self.bin_bns, strict=True):
            x = adaptive_average_pool(inputs, count)  # (batch, count, count, channels)
            x = ops.relu(bn(conv(x), training=training))
            branches.append(resize(x, size, "bilinear_align_corners"))
        x = self.project_conv(ops.concatenate(branches, axis=-1))
        return ops.relu(self.project_bn(x, training=training))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "bins": self.bins,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
