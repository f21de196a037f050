"""Inverted residual block with a linear bottleneck."""

import keras

from scmnet_zoo.layers._padding import (
    check_padding,
    keras_padding,
    pad_symmetric,
    padded_shape,
    strided,
)
from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.depthwise_conv2d import DepthwiseConv2D


@register
class InvertedResidual(keras.layers.Layer):
    """1x1 expansion, depthwise, 1x1 projection; the identity added where shapes agree.

    Each convolution is followed by batch norm, the first two on request not; the activation follows
    the first two, the projection stays linear.

    Sublayers: `expand_conv`, `expand_bn`, `depthwise_conv`, `depthwise_bn`, `project_conv`,
    `project_bn`; without `inner_batchnorm` neither `expand_bn` nor `depthwise_bn`.

    Args:
        filters: number of output channels.
        expansion: the hidden channels are this many times the input's. None leaves the expansion
            convolution out (the first block of MobileNetV2); 1 keeps it (SCMNet, ContextNet).
        strides: step of the depthwise convolution.
        dilation_rate: distance of the depthwise kernel's taps, in pixels.
        residual: add the input where `strides` is 1 and the channels agree.
        activation: after the expansion and the depthwise convolution.
        use_bias: bias on all three convolutions.
        padding: `"same"` as Keras pads, or `"symmetric"`: alike before and after, as PyTorch
            pads. They differ where `strides` is above 1.
        momentum, epsilon: of the batch norms.
        kernel_size: side of the depthwise kernel, odd.
        inner_batchnorm: batch norm after the first two convolutions. False gives them a bias
            instead, whatever `use_bias` (EfficientViT).

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: `padding` is unknown, or `kernel_size` even.

    Source: Sandler et al. 2018, MobileNetV2, arXiv 1801.04381, table 1 and figure 4.

    Example:

    >>> x = keras.ops.ones((1, 32, 64, 48))
    >>> keras.ops.shape(InvertedResidual(64, expansion=6, strides=2)(x))
    (1, 16, 32, 64)
    """

    def __init__(
        self,
        filters,
        expansion=6,
        strides=1,
        dilation_rate=1,
        residual=True,
        activation="relu",
        use_bias=True,
        padding="same",
        momentum=0.99,
        epsilon=1e-3,
        kernel_size=3,
        inner_batchnorm=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_padding(padding)
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.expansion = expansion
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.residual = residual
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.padding = padding
        self.momentum = momentum
        self.epsilon = epsilon
        self.kernel_size = kernel_size
        self.inner_batchnorm = inner_batchnorm

    def _bn(self, name):
        return BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def _window(self):
        return self.padding, self.strides, self.kernel_size, self.dilation_rate

    def _pointwise(self, filters, name, use_bias):
        return Conv2D(
            filters,
            1,
            use_bias=use_bias,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        channels = input_shape[-1]
        hidden = channels * (self.expansion or 1)
        map_shape = tuple(input_shape[:-1])
        self.adds_input = self.residual and self.strides == 1 and channels == self.filters
        inner_bias = self.use_bias or not self.inner_batchnorm
        self.expand_conv = self.expand_bn = self.depthwise_bn = None
        if self.expansion is not None:
            self.expand_conv = self._pointwise(hidden, "expand_conv", inner_bias)
            self.expand_conv.build(input_shape)
            if self.inner_batchnorm:
                self.expand_bn = self._bn("expand_bn")
                self.expand_bn.build((*map_shape, hidden))
        self.depthwise_conv = DepthwiseConv2D(
            self.kernel_size,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=keras_padding(self.padding, self.strides),
            data_format="channels_last",
            use_bias=inner_bias,
            dtype=self.dtype_policy,
            name="depthwise_conv",
        )
        self.depthwise_conv.build(padded_shape((*map_shape, hidden), *self._window()))
        if self.inner_batchnorm:
            self.depthwise_bn = self._bn("depthwise_bn")
            self.depthwise_bn.build((*map_shape, hidden))
        self.project_conv = self._pointwise(self.filters, "project_conv", self.use_bias)
        self.project_bn = self._bn("project_bn")
        self.project_conv.build((*map_shape, hidden))
        self.project_bn.build((*map_shape, self.filters))

    def call(self, inputs, training=None):
        x = inputs
        if self.expand_conv is not None:
            x = self.expand_conv(x)
            x = x if self.expand_bn is None else self.expand_bn(x, training=training)
            x = self.activation(x)  # (batch, height, width, hidden)
        x = self.depthwise_conv(pad_symmetric(x, *self._window()))
        x = x if self.depthwise_bn is None else self.depthwise_bn(x, training=training)
        x = self.activation(x)  # (batch, height / strides, width / strides, hidden)
        x = self.project_bn(self.project_conv(x), training=training)  # (..., filters)
        return x + inputs if self.adds_input else x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, *strided((height, width), self.strides), self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "residual": self.residual,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "padding": self.padding,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_size": self.kernel_size,
            "inner_batchnorm": self.inner_batchnorm,
        }
