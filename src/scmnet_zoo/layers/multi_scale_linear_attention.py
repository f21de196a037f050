"""Multi-scale linear attention of EfficientViT."""

from typing import Any

import keras

from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import pointwise_conv
from scmnet_zoo.layers._types import Layer, Shape, Tensor
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.depthwise_conv2d import FastDepthwiseConv2D
from scmnet_zoo.layers.linear_attention import LinearAttention


@register_composite
class MultiScaleLinearAttention(Layer):
    """Linear attention over q, k and v at two scales: of each pixel and of its neighbourhood.

    A 1x1 convolution makes q, k and v of `channels / head_width` heads. A depthwise convolution and
    a 1x1 convolution within each q, k and v aggregate them over the neighbourhood, which gives as
    many heads again. `LinearAttention` of all heads, a 1x1 convolution and batch norm follow. The
    input is not added.

    Sublayers: `qkv`, `aggregate_depthwise`, `aggregate_pointwise`, `concat`, `attention`,
    `project_conv`, `project_bn`.

    Args:
        filters: number of output channels.
        head_width: channels of q, of k and of v of a head. Defaults to 16.
        kernel_size: side of the depthwise kernel, in pixels, odd. Defaults to 5.
        momentum: of the batch norm. Defaults to 0.99.
        epsilon: of the batch norm. Defaults to 1e-3.

    Input shape: `(batch, height, width, channels)`, channels a multiple of `head_width`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: the number of channels is not a multiple of `head_width`, or `kernel_size` is
            even.

    Source: Cai et al. 2023, EfficientViT, arXiv 2205.14756, figure 2.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 64))
    >>> keras.ops.shape(MultiScaleLinearAttention(64)(x))
    (1, 16, 32, 64)
    """

    def __init__(
        self,
        filters: int,
        head_width: int = 16,
        kernel_size: int = 5,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.head_width = head_width
        self.kernel_size = kernel_size
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        *sides, channels = input_shape
        heads, rest = divmod(channels or 0, self.head_width)
        if rest or not heads or channels is None:
            raise ValueError(
                f"Expected a number of channels that is a multiple of {self.head_width}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        dtype = self.dtype_policy
        self.qkv: Layer = pointwise_conv(3 * channels, dtype=dtype, name="qkv")
        self.aggregate_depthwise: Layer = FastDepthwiseConv2D(
            self.kernel_size,
            padding="same",
            data_format="channels_last",
            use_bias=False,
            dtype=dtype,
            name="aggregate_depthwise",
        )
        self.aggregate_pointwise: Layer = pointwise_conv(
            3 * channels, groups=3 * heads, dtype=dtype, name="aggregate_pointwise"
        )
        self.concat: Layer = keras.layers.Concatenate(dtype=dtype, name="concat")
        self.attention: Layer = LinearAttention(self.head_width, dtype=dtype, name="attention")
        self.project_conv: Layer = pointwise_conv(self.filters, dtype=dtype, name="project_conv")
        self.project_bn: Layer = OnePassBatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=dtype, name="project_bn"
        )
        self.qkv.build(input_shape)
        self.aggregate_depthwise.build((*sides, 3 * channels))
        self.aggregate_pointwise.build((*sides, 3 * channels))
        self.attention.build((*sides, 6 * channels))
        self.project_conv.build((*sides, 2 * channels))
        self.project_bn.build((*sides, self.filters))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        near = self.qkv(inputs)  # (batch, height, width, 3 channels)
        wide = self.aggregate_pointwise(self.aggregate_depthwise(near))
        x = self.attention(self.concat([near, wide]))  # (batch, height, width, 2 channels)
        return self.project_bn(self.project_conv(x), training=training)  # (..., filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "head_width": self.head_width,
            "kernel_size": self.kernel_size,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
