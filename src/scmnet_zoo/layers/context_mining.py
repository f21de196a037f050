"""Context Mining Module of SCMNet."""

from typing import Any

import keras

from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import pointwise_conv
from scmnet_zoo.layers._types import Layer, Shape, Tensor
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.resize import ResizeToPartner
from scmnet_zoo.layers.separable_conv2d import DepthwiseSeparableConv2D

BRANCHES = 4


@register_composite
class ContextMiningModule(Layer):
    """Concatenates four views of a map, a quarter of the channels each.

    The branches, in order:

    - `pointwise`: 1x1 convolution;
    - `atrous`: depthwise-separable 3x3 convolution with dilation;
    - `global_pool`: global average, 1x1 convolution, repeated over the map;
    - `local_pool`: 2x2 average, 1x1 convolution, resized bilinearly to the map's size.

    Batch norm and ReLU follow each convolution.

    Sublayers with weights: `pointwise_conv`, `pointwise_bn`, `atrous`, `global_pool_conv`,
    `global_pool_bn`, `local_pool_conv`, `local_pool_bn`.

    Args:
        dilation_rate: distance of the atrous branch's taps, in pixels. Defaults to 6.

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

    def __init__(self, dilation_rate: int = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dilation_rate = dilation_rate

    def build(self, input_shape: Shape) -> None:
        *sides, channels = input_shape
        if channels is None or channels % BRANCHES:
            raise ValueError(
                f"Expected a number of channels that is a multiple of {BRANCHES}. "
                f"Received: input_shape={input_shape}"
            )
        filters, dtype = channels // BRANCHES, self.dtype_policy
        self.pointwise_conv: Layer = pointwise_conv(filters, dtype=dtype, name="pointwise_conv")
        self.pointwise_bn: Layer = OnePassBatchNormalization(dtype=dtype, name="pointwise_bn")
        self.pointwise_relu: Layer = keras.layers.Activation(
            "relu", dtype=dtype, name="pointwise_relu"
        )
        self.atrous: Layer = DepthwiseSeparableConv2D(
            filters, dilation_rate=self.dilation_rate, dtype=dtype, name="atrous"
        )
        self.global_pool: Layer = keras.layers.GlobalAveragePooling2D(
            keepdims=True, data_format="channels_last", dtype=dtype, name="global_pool"
        )
        self.global_pool_conv: Layer = pointwise_conv(filters, dtype=dtype, name="global_pool_conv")
        self.global_pool_bn: Layer = OnePassBatchNormalization(dtype=dtype, name="global_pool_bn")
        self.global_pool_relu: Layer = keras.layers.Activation(
            "relu", dtype=dtype, name="global_pool_relu"
        )
        self.global_pool_spread: Layer = ResizeToPartner(
            "nearest", dtype=dtype, name="global_pool_spread"
        )
        self.local_pool: Layer = keras.layers.AveragePooling2D(
            2, padding="same", data_format="channels_last", dtype=dtype, name="local_pool"
        )
        self.local_pool_conv: Layer = pointwise_conv(filters, dtype=dtype, name="local_pool_conv")
        self.local_pool_bn: Layer = OnePassBatchNormalization(dtype=dtype, name="local_pool_bn")
        self.local_pool_relu: Layer = keras.layers.Activation(
            "relu", dtype=dtype, name="local_pool_relu"
        )
        self.local_pool_upsample: Layer = ResizeToPartner(
            "bilinear", dtype=dtype, name="local_pool_upsample"
        )
        self.concat: Layer = keras.layers.Concatenate(dtype=dtype, name="concat")
        self.atrous.build(input_shape)
        for conv in (self.pointwise_conv, self.global_pool_conv, self.local_pool_conv):
            conv.build(input_shape)
        for bn in (self.pointwise_bn, self.global_pool_bn, self.local_pool_bn):
            bn.build((*sides, filters))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        point = self.pointwise_bn(self.pointwise_conv(inputs), training=training)
        point = self.pointwise_relu(point)  # (batch, height, width, channels / 4)
        atrous = self.atrous(inputs, training=training)
        whole = self.global_pool_conv(self.global_pool(inputs))
        whole = self.global_pool_relu(self.global_pool_bn(whole, training=training))
        whole = self.global_pool_spread([whole, inputs])  # (batch, 1, 1, ...) over the map
        local = self.local_pool(inputs)  # (batch, ceil(height / 2), ceil(width / 2), channels)
        local = self.local_pool_bn(self.local_pool_conv(local), training=training)
        local = self.local_pool_upsample([self.local_pool_relu(local), inputs])
        return self.concat([point, atrous, whole, local])  # (batch, height, width, channels)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dilation_rate": self.dilation_rate}
