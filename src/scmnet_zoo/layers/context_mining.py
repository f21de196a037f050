"""Context Mining Module of SCMNet."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.resize import resize
from scmnet_zoo.layers.separable_conv2d import DepthwiseSeparableConv2D

BRANCHES = 4


@register
class ContextMiningModule(keras.layers.Layer):
    """Four views of one map, a quarter of the channels each: point, atrous, global, local.

    The branches are concatenated in this order: `pointwise` (1x1 convolution), `atrous`
    (depthwise-separable 3x3 with dilation 6), `global_pool` (global average, 1x1 convolution,
    spread over the map) and `local_pool` (2x2 average, 1x1 convolution, bilinear to the map's
    size). Each convolution is followed by batch norm and ReLU.

    Sublayers: `pointwise_conv`, `pointwise_bn`, `atrous`, `global_pool_conv`, `global_pool_bn`,
    `local_pool_conv`, `local_pool_bn`.

    Args:
        dilation_rate: distance of the atrous branch's taps, in pixels.

    Input shape: `(batch, height, width, channels)`, channels a multiple of 4.

    Output shape: that of the input.

    Raises:
        ValueError: the number of channels is not a multiple of 4.

    Source: Singha et al. 2021, SCMNet, doi 10.1109/DICTA52665.2021.9647401, the Context Mining
    Module.

    Example:

    >>> x = keras.ops.ones((1, 32, 64, 48))
    >>> keras.ops.shape(ContextMiningModule()(x))
    (1, 32, 64, 48)
    """

    def __init__(self, dilation_rate=6, **kwargs):
        super().__init__(**kwargs)
        self.dilation_rate = dilation_rate

    def _conv_bn(self, filters, branch):
        conv = Conv2D(
            filters,
            1,
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=f"{branch}_conv",
        )
        bn = BatchNormalization(dtype=self.dtype_policy, name=f"{branch}_bn")
        return conv, bn

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % BRANCHES:
            raise ValueError(
                f"Expected a number of channels that is a multiple of {BRANCHES}. "
                f"Received: input_shape={input_shape}"
            )
        filters = channels // BRANCHES
        reduced = (*input_shape[:-1], filters)
        self.pointwise_conv, self.pointwise_bn = self._conv_bn(filters, "pointwise")
        self.atrous = DepthwiseSeparableConv2D(
            filters, dilation_rate=self.dilation_rate, dtype=self.dtype_policy, name="atrous"
        )
        self.global_pool_conv, self.global_pool_bn = self._conv_bn(filters, "global_pool")
        self.local_pool = keras.layers.AveragePooling2D(
            2,
            padding="same",
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="local_pool",
        )
        self.local_pool_conv, self.local_pool_bn = self._conv_bn(filters, "local_pool")
        self.atrous.build(input_shape)
        for conv in (self.pointwise_conv, self.global_pool_conv, self.local_pool_conv):
            conv.build(input_shape)
        for bn in (self.pointwise_bn, self.global_pool_bn, self.local_pool_bn):
            bn.build(reduced)

    def call(self, inputs, training=None):
        size = ops.shape(inputs)[1:3]
        point = ops.relu(self.pointwise_bn(self.pointwise_conv(inputs), training=training))
        atrous = self.atrous(inputs, training=training)
        whole = ops.mean(inputs, axis=(1, 2), keepdims=True)  # (batch, 1, 1, channels)
        whole = ops.relu(self.global_pool_bn(self.global_pool_conv(whole), training=training))
        whole = ops.broadcast_to(whole, ops.shape(point))
        local = self.local_pool(inputs)  # (batch, ceil(height / 2), ceil(width / 2), channels)
        local = ops.relu(self.local_pool_bn(self.local_pool_conv(local), training=training))
        local = resize(local, size, "bilinear")
        return ops.concatenate([point, atrous, whole, local], axis=-1)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "dilation_rate": self.dilation_rate}
