"""Depthwise-separable convolution block."""

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
class DepthwiseSeparableConv2D(keras.layers.Layer):
    """Depthwise convolution, 1x1 pointwise convolution, batch norm, activation.

    By default nothing stands between the depthwise and the pointwise convolution, as in SCMNet.
    With `depthwise_batchnorm=True` a batch norm does, followed by `depthwise_activation`, as in
    Fast-SCNN and DeepLabV3+.

    Sublayers: `depthwise`, `pointwise`, `bn`; with `depthwise_batchnorm=True` `depthwise`,
    `depthwise_bn`, `pointwise`, `pointwise_bn`.

    Args:
        filters: number of output channels.
        kernel_size: side of the square depthwise kernel, in pixels.
        strides: step of the depthwise convolution.
        dilation_rate: distance of the kernel's taps, in pixels.
        activation: after the last batch norm; a name, a callable or None.
        depthwise_batchnorm: batch norm after the depthwise convolution too.
        depthwise_activation: after that batch norm; a name, a callable or None.
        use_bias: bias on the pointwise convolution (the depthwise one has none).
        padding: `"same"` as Keras pads, or `"symmetric"`: alike before and after, as PyTorch
            pads, for an odd `kernel_size`. They differ where `strides` is above 1.
        momentum, epsilon: of the batch norms.

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
        filters,
        kernel_size=3,
        strides=1,
        dilation_rate=1,
        activation="relu",
        depthwise_batchnorm=False,
        depthwise_activation=None,
        use_bias=True,
        padding="same",
        momentum=0.99,
        epsilon=1e-3,
        **kwargs,
    ):
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
        self.activation = keras.activations.get(activation)
        self.depthwise_batchnorm = depthwise_batchnorm
        self.depthwise_activation = keras.activations.get(depthwise_activation)
        self.use_bias = use_bias
        self.padding = padding
        self.momentum = momentum
        self.epsilon = epsilon

        dtype = self.dtype_policy
        self.depthwise = DepthwiseConv2D(
            kernel_size,
            strides=strides,
            dilation_rate=dilation_rate,
            padding=keras_padding(padding, strides),
            data_format="channels_last",
            use_bias=False,
            dtype=dtype,
            name="depthwise",
        )
        self.depthwise_bn = None
        if depthwise_batchnorm:
            self.depthwise_bn = BatchNormalization(
                momentum=momentum, epsilon=epsilon, dtype=dtype, name="depthwise_bn"
            )
        self.pointwise = Conv2D(
            filters,
            1,
            use_bias=use_bias,
            data_format="channels_last",
            dtype=dtype,
            name="pointwise",
        )
        self.bn = BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            dtype=dtype,
            name="pointwise_bn" if depthwise_batchnorm else "bn",
        )

    def build(self, input_shape):
        self.depthwise.build(
            padded_shape(
                input_shape, self.padding, self.strides, self.kernel_size, self.dilation_rate
            )
        )
        if self.depthwise_bn is not None:
            self.depthwise_bn.build(input_shape)
        self.pointwise.build(input_shape)
        self.bn.build((*input_shape[:-1], self.filters))

    def call(self, inputs, training=None):
        x = pad_symmetric(inputs, self.padding, self.strides, self.kernel_size, self.dilation_rate)
        x = self.depthwise(x)  # (batch, height / strides, width / strides, channels)
        if self.depthwise_bn is not None:
            x = self.depthwise_activation(self.depthwise_bn(x, training=training))
        x = self.bn(self.pointwise(x), training=training)  # (..., filters)
        return self.activation(x)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, *strided((height, width), self.strides), self.filters)

    def get_config(self):
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
