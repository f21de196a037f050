"""Atrous spatial pyramid pooling (ASPP) with depthwise-separable convolutions."""

from collections.abc import Sequence
from typing import Any

import keras

from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import pointwise_conv
from scmnet_zoo.layers._types import Layer, Shape, Tensor
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.resize import ResizeToPartner
from scmnet_zoo.layers.separable_conv2d import DepthwiseSeparableConv2D


@register_composite
class AtrousSpatialPyramidPooling(Layer):
    """Joins views of a map at several ranges: each point, dilated 3x3 windows, the whole image.

    The branches are concatenated in this order: `image_pooling` (global average, 1x1
    convolution, repeated over the map), `aspp0` (1x1 convolution), then one separable 3x3
    convolution `aspp1`, `aspp2`, ... for each rate. A 1x1 convolution projects them.
    Convolutions have no bias; batch norm and ReLU follow each, the depthwise ones too.

    Sublayers with weights: `image_pooling`, `image_pooling_bn`, `aspp0`, `aspp0_bn`, `aspp1` and so
    on, `concat_projection`, `concat_projection_bn`.

    Args:
        filters: number of channels of each branch and of the output. Defaults to 256.
        rates: dilation of each 3x3 branch, in pixels; may be empty. Defaults to (6, 12, 18).
        dropout: rate of the dropout after the projection, in training. Defaults to 0.1.
        momentum: of the batch norms. Defaults to 0.99.
        epsilon: of the batch norms. Defaults to 1e-5.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`.

    Source: Chen et al. 2017, arXiv 1706.05587, section 3.3; with separable convolutions Chen et
    al. 2018, DeepLabV3+, arXiv 1802.02611, section 3.1.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 64))
    >>> keras.ops.shape(AtrousSpatialPyramidPooling(48, rates=(6, 12))(x))
    (1, 16, 32, 48)
    """

    def __init__(
        self,
        filters: int = 256,
        rates: Sequence[int] = (6, 12, 18),
        dropout: float = 0.1,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.rates: tuple[int, ...] = tuple(rates)
        self.dropout_rate = dropout
        self.momentum = momentum
        self.epsilon = epsilon

    def _bn(self, name: str) -> OnePassBatchNormalization:
        return OnePassBatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def _relu(self, name: str) -> keras.layers.Activation:
        return keras.layers.Activation("relu", dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Shape) -> None:
        *sides, _ = input_shape
        filters, dtype = self.filters, self.dtype_policy
        self.image_average: Layer = keras.layers.GlobalAveragePooling2D(
            keepdims=True,
            data_format="channels_last",
            dtype=dtype,
            name="image_pooling_average",
        )
        self.image_conv: Layer = pointwise_conv(filters, dtype=dtype, name="image_pooling")
        self.image_bn: Layer = self._bn("image_pooling_bn")
        self.image_relu: Layer = self._relu("image_pooling_relu")
        self.image_spread: Layer = ResizeToPartner(
            "nearest", dtype=dtype, name="image_pooling_spread"
        )
        self.point_conv: Layer = pointwise_conv(filters, dtype=dtype, name="aspp0")
        self.point_bn: Layer = self._bn("aspp0_bn")
        self.point_relu: Layer = self._relu("aspp0_relu")
        self.atrous: list[Layer] = [
            DepthwiseSeparableConv2D(
                filters,
                dilation_rate=rate,
                depthwise_batchnorm=True,
                depthwise_activation="relu",
                use_bias=False,
                momentum=self.momentum,
                epsilon=self.epsilon,
                dtype=dtype,
                name=f"aspp{i}",
            )
            for i, rate in enumerate(self.rates, start=1)
        ]
        self.concat: Layer = keras.layers.Concatenate(dtype=dtype, name="concat")
        self.project_conv: Layer = pointwise_conv(filters, dtype=dtype, name="concat_projection")
        self.project_bn: Layer = self._bn("concat_projection_bn")
        self.project_relu: Layer = self._relu("concat_projection_relu")
        self.dropout: Layer = keras.layers.Dropout(self.dropout_rate, dtype=dtype, name="dropout")
        self.image_conv.build(input_shape)
        self.point_conv.build(input_shape)
        for branch in self.atrous:
            branch.build(input_shape)
        self.project_conv.build((*sides, (2 + len(self.rates)) * filters))
        for bn in (self.image_bn, self.point_bn, self.project_bn):
            bn.build((*sides, filters))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        whole = self.image_conv(self.image_average(inputs))  # (batch, 1, 1, filters)
        whole = self.image_relu(self.image_bn(whole, training=training))
        whole = self.image_spread([whole, inputs])  # (batch, height, width, filters)
        point = self.point_relu(self.point_bn(self.point_conv(inputs), training=training))
        ranges = [layer(inputs, training=training) for layer in self.atrous]
        x = self.project_conv(self.concat([whole, point, *ranges]))
        x = self.project_relu(self.project_bn(x, training=training))
        return self.dropout(x, training=training)  # (batch, height, width, filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "rates": self.rates,
            "dropout": self.dropout_rate,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
