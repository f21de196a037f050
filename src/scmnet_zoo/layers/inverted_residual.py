"""Inverted residual block with a linear bottleneck."""

from typing import Any

import keras

from scmnet_zoo.layers._padding import strided
from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import (
    activation_layer,
    check_padding,
    pointwise_conv,
    symmetric_padding,
)
from scmnet_zoo.layers._types import Activation, Layer, Shape, Tensor
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.depthwise_conv2d import FastDepthwiseConv2D


@register_composite
class InvertedResidual(Layer):
    """1x1 expansion, depthwise convolution, 1x1 projection; adds the input where shapes agree.

    A batch norm follows each convolution, and the activation the first two of them. The projection
    is linear.

    Sublayers with weights: `expand_conv`, `expand_bn`, `depthwise_conv`, `depthwise_bn`,
    `project_conv`, `project_bn`; without `inner_batchnorm` neither `expand_bn` nor `depthwise_bn`.

    Args:
        filters: number of output channels.
        expansion: number of hidden channels for each input channel. None leaves out the expansion
            convolution (the first block of MobileNetV2); 1 keeps it (SCMNet, ContextNet). Defaults
            to 6.
        strides: step of the depthwise convolution, in pixels. Defaults to 1.
        dilation_rate: distance of the depthwise kernel's taps, in pixels. Defaults to 1.
        residual: add the input where `strides` is 1 and the channels agree. Defaults to True.
        activation: after the expansion and the depthwise convolution; a name, a callable or None.
            Defaults to `"relu"`.
        use_bias: give all three convolutions a bias. Defaults to True.
        padding: `"same"` pads as Keras does; `"symmetric"` pads as much before the map as after
            it, as PyTorch does. They differ where `strides` is above 1. Defaults to `"same"`.
        momentum: of the batch norms. Defaults to 0.99.
        epsilon: of the batch norms. Defaults to 1e-3.
        kernel_size: side of the depthwise kernel, in pixels, odd. Defaults to 3.
        inner_batchnorm: batch norm after the first two convolutions. False gives them a bias
            instead, whatever `use_bias` says (EfficientViT). Defaults to True.

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
        filters: int,
        expansion: int | None = 6,
        strides: int = 1,
        dilation_rate: int = 1,
        residual: bool = True,
        activation: Activation = "relu",
        use_bias: bool = True,
        padding: str = "same",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_size: int = 3,
        inner_batchnorm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_padding(padding)
        if kernel_size % 2 == 0:
            raise ValueError(f"Expected an odd kernel_size. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.expansion = expansion
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.residual = residual
        self.activation: Any = keras.activations.get(activation)
        self.use_bias = use_bias
        self.padding = padding
        self.momentum = momentum
        self.epsilon = epsilon
        self.kernel_size = kernel_size
        self.inner_batchnorm = inner_batchnorm

    def _bn(self, name: str) -> OnePassBatchNormalization:
        return OnePassBatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def build(self, input_shape: Shape) -> None:
        *sides, channels = input_shape
        hidden, dtype = (channels or 0) * (self.expansion or 1), self.dtype_policy
        inner_bias = self.use_bias or not self.inner_batchnorm
        self.expand_conv: Layer | None = None
        self.expand_bn: Layer | None = None
        self.depthwise_bn: Layer | None = None
        self.residual_add: Layer | None = None
        if self.expansion is not None:
            self.expand_conv = pointwise_conv(
                hidden, use_bias=inner_bias, dtype=dtype, name="expand_conv"
            )
            self.expand_conv.build(input_shape)
            if self.inner_batchnorm:
                self.expand_bn = self._bn("expand_bn")
                self.expand_bn.build((*sides, hidden))
            self.expand_activation: Layer = activation_layer(
                self.activation, prefix="expand_", dtype=dtype
            )
        self.depthwise_pad: Layer | None = symmetric_padding(
            self.padding,
            strides=self.strides,
            kernel_size=self.kernel_size,
            dilation_rate=self.dilation_rate,
            name="depthwise_pad",
            dtype=dtype,
        )
        self.depthwise_conv: Layer = FastDepthwiseConv2D(
            self.kernel_size,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding="same" if self.depthwise_pad is None else "valid",
            data_format="channels_last",
            use_bias=inner_bias,
            dtype=dtype,
            name="depthwise_conv",
        )
        padded = (*sides, hidden)
        if self.depthwise_pad is not None:
            padded = self.depthwise_pad.compute_output_shape(padded)
        self.depthwise_conv.build(padded)
        if self.inner_batchnorm:
            self.depthwise_bn = self._bn("depthwise_bn")
            self.depthwise_bn.build((*sides, hidden))
        self.depthwise_activation: Layer = activation_layer(
            self.activation, prefix="depthwise_", dtype=dtype
        )
        self.project_conv: Layer = pointwise_conv(
            self.filters, use_bias=self.use_bias, dtype=dtype, name="project_conv"
        )
        self.project_bn: Layer = self._bn("project_bn")
        self.project_conv.build((*sides, hidden))
        self.project_bn.build((*sides, self.filters))
        if self.residual and self.strides == 1 and channels == self.filters:
            self.residual_add = keras.layers.Add(dtype=dtype, name="add")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        if self.expand_conv is not None:
            x = self.expand_conv(x)
            x = x if self.expand_bn is None else self.expand_bn(x, training=training)
            x = self.expand_activation(x)  # (batch, height, width, hidden)
        x = x if self.depthwise_pad is None else self.depthwise_pad(x)
        x = self.depthwise_conv(x)
        x = x if self.depthwise_bn is None else self.depthwise_bn(x, training=training)
        x = self.depthwise_activation(x)  # (batch, height / strides, width / strides, hidden)
        x = self.project_bn(self.project_conv(x), training=training)  # (..., filters)
        return x if self.residual_add is None else self.residual_add([x, inputs])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return (batch, *strided((height, width), self.strides), self.filters)

    def get_config(self) -> dict[str, Any]:
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
