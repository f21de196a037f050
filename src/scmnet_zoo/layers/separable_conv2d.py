"""Depthwise-separable convolution block."""

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
class DepthwiseSeparableConv2D(Layer):
    """Depthwise convolution, 1x1 pointwise convolution, batch norm, activation.

    By default neither batch norm nor activation follows the depthwise convolution, as in SCMNet.
    With `depthwise_batchnorm=True` a batch norm and `depthwise_activation` follow it, as in
    Fast-SCNN and DeepLabV3+.

    Sublayers with weights: `depthwise`, `pointwise`, `bn`; with `depthwise_batchnorm=True`
    `depthwise`, `depthwise_bn`, `pointwise`, `pointwise_bn`.

    Args:
        filters: number of output channels.
        kernel_size: side of the square depthwise kernel, in pixels. Defaults to 3.
        strides: step of the depthwise convolution, in pixels. Defaults to 1.
        dilation_rate: distance of the depthwise kernel's taps, in pixels. Defaults to 1.
        activation: after the last batch norm; a name, a callable or None. Defaults to `"relu"`.
        depthwise_batchnorm: add a batch norm after the depthwise convolution. Defaults to False.
        depthwise_activation: after that batch norm; a name, a callable or None. Defaults to None.
        use_bias: give the pointwise convolution a bias (the depthwise one has none). Defaults to
            True.
        padding: `"same"` pads as Keras does; `"symmetric"` pads as much before the map as after
            it, as PyTorch does, and needs an odd `kernel_size`. They differ where `strides` is
            above 1. Defaults to `"same"`.
        momentum: of the batch norms. Defaults to 0.99.
        epsilon: of the batch norms. Defaults to 1e-3.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: `padding` is unknown, `"symmetric"` with an even `kernel_size`, or
            `depthwise_activation` without `depthwise_batchnorm`.

    Source: Howard et al. 2017, MobileNets, arXiv 1704.04861, figure 3; DSConv in Poudel et al.
    2019, Fast-SCNN, arXiv 1902.04502, table 1.

    Example:

    >>> x = keras.ops.ones((1, 64, 128, 24))
    >>> keras.ops.shape(DepthwiseSeparableConv2D(32, strides=2)(x))
    (1, 32, 64, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        activation: Activation = "relu",
        depthwise_batchnorm: bool = False,
        depthwise_activation: Activation = None,
        use_bias: bool = True,
        padding: str = "same",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_padding(padding)
        if padding == "symmetric" and kernel_size % 2 == 0:
            raise ValueError(
                "Expected an odd kernel_size with padding='symmetric'. "
                f"Received: kernel_size={kernel_size}"
            )
        if depthwise_activation not in (None, "linear") and not depthwise_batchnorm:
            raise ValueError(
                "Expected depthwise_batchnorm=True with a depthwise_activation. "
                f"Received: depthwise_activation={depthwise_activation!r}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.activation: Any = keras.activations.get(activation)
        self.depthwise_batchnorm = depthwise_batchnorm
        self.depthwise_activation: Any = keras.activations.get(depthwise_activation)
        self.use_bias = use_bias
        self.padding = padding
        self.momentum = momentum
        self.epsilon = epsilon

        dtype = self.dtype_policy
        self.depthwise_pad: Layer | None = symmetric_padding(
            padding,
            strides=strides,
            kernel_size=kernel_size,
            dilation_rate=dilation_rate,
            name="depthwise_pad",
            dtype=dtype,
        )
        self.depthwise: Layer = FastDepthwiseConv2D(
            kernel_size,
            strides=strides,
            dilation_rate=dilation_rate,
            padding="same" if self.depthwise_pad is None else "valid",
            data_format="channels_last",
            use_bias=False,
            dtype=dtype,
            name="depthwise",
        )
        self.depthwise_bn: Layer | None = None
        self.depthwise_activation_layer: Layer | None = None
        if depthwise_batchnorm:
            self.depthwise_bn = OnePassBatchNormalization(
                momentum=momentum, epsilon=epsilon, dtype=dtype, name="depthwise_bn"
            )
            self.depthwise_activation_layer = activation_layer(
                self.depthwise_activation, prefix="depthwise_", dtype=dtype
            )
        self.pointwise: Layer = pointwise_conv(
            filters, use_bias=use_bias, dtype=dtype, name="pointwise"
        )
        self.bn: Layer = OnePassBatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            dtype=dtype,
            name="pointwise_bn" if depthwise_batchnorm else "bn",
        )
        self.activation_layer: Layer = activation_layer(self.activation, dtype=dtype)

    def build(self, input_shape: Shape) -> None:
        padded = input_shape
        if self.depthwise_pad is not None:
            padded = self.depthwise_pad.compute_output_shape(input_shape)
        self.depthwise.build(padded)
        if self.depthwise_bn is not None:
            self.depthwise_bn.build(input_shape)
        self.pointwise.build(input_shape)
        self.bn.build((*input_shape[:-1], self.filters))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs if self.depthwise_pad is None else self.depthwise_pad(inputs)
        x = self.depthwise(x)  # (batch, height / strides, width / strides, channels)
        if self.depthwise_bn is not None and self.depthwise_activation_layer is not None:
            x = self.depthwise_activation_layer(self.depthwise_bn(x, training=training))
        x = self.bn(self.pointwise(x), training=training)  # (..., filters)
        return self.activation_layer(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return (batch, *strided((height, width), self.strides), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "depthwise_batchnorm": self.depthwise_batchnorm,
            "depthwise_activation": keras.activations.serialize(self.depthwise_activation),
            "use_bias": self.use_bias,
            "padding": self.padding,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
