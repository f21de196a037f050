"""Multi-scale linear attention of EfficientViT."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.depthwise_conv2d import DepthwiseConv2D
from scmnet_zoo.layers.linear_attention import LinearAttention


@register
class MultiScaleLinearAttention(keras.layers.Layer):
    """Linear attention on each pixel's q, k and v and on those gathered from around it.

    A 1x1 convolution makes q, k and v of `channels / head_width` heads. A depthwise convolution
    and a 1x1 convolution within each q, k and v gather them from the neighbourhood: as many heads
    again. `LinearAttention` of all heads goes through a 1x1 convolution with batch norm. The input
    is not added.

    Sublayers: `qkv`, `aggregate_depthwise`, `aggregate_pointwise`, `attention`, `project_conv`,
    `project_bn`.

    Args:
        filters: number of output channels.
        head_width: channels of q, of k and of v of a head.
        kernel_size: side of the depthwise kernel, odd.
        momentum, epsilon: of the batch norm.

    Input shape: `(batch, height, width, channels)`, channels a multiple of `head_width`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: the number of channels is not a multiple of `head_width`.

    Source: Cai et al. 2023, EfficientViT, arXiv 2205.14756, figure 2.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 64))
    >>> keras.ops.shape(MultiScaleLinearAttention(64)(x))
    (1, 16, 32, 64)
    """

    def __init__(
        self, filters, head_width=16, kernel_size=5, momentum=0.99, epsilon=1e-3, **kwargs
    ):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.head_width = head_width
        self.kernel_size = kernel_size
        self.momentum = momentum
        self.epsilon = epsilon

    def _pointwise(self, filters, name, groups=1):
        return Conv2D(
            filters,
            1,
            groups=groups,
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        *sides, channels = input_shape
        heads, rest = divmod(channels, self.head_width)
        if rest or not heads:
            raise ValueError(
                f"Expected a number of channels that is a multiple of {self.head_width}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.qkv = self._pointwise(3 * channels, "qkv")
        self.aggregate_depthwise = DepthwiseConv2D(
            self.kernel_size,
            padding="same",
            data_format="channels_last",
            use_bias=False,
            dtype=self.dtype_policy,
            name="aggregate_depthwise",
        )
        self.aggregate_pointwise = self._pointwise(3 * channels, "aggregate_pointwise", 3 * heads)
        self.attention = LinearAttention(self.head_width, dtype=self.dtype_policy, name="attention")
        self.project_conv = self._pointwise(self.filters, "project_conv")
        self.project_bn = BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name="project_bn"
        )
        self.qkv.build(input_shape)
        self.aggregate_depthwise.build((*sides, 3 * channels))
        self.aggregate_pointwise.build((*sides, 3 * channels))
        self.attention.build((*sides, 6 * channels))
        self.project_conv.build((*sides, 2 * channels))
        self.project_bn.build((*sides, self.filters))

    def call(self, inputs, training=None):
        near = self.qkv(inputs)  # (batch, height, width, 3 channels)
        wide = self.aggregate_pointwise(self.aggregate_depthwise(near))
        x = self.attention(ops.concatenate([near, wide], axis=-1))  # (..., 2 channels)
        return self.project_bn(self.project_conv(x), training=training)  # (..., filters)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "head_width": self.head_width,
            "kernel_size": self.kernel_size,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
