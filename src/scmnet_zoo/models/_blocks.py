"""Blocks that several networks have, as functions of symbolic tensors."""

from typing import Any

import keras

from scmnet_zoo.layers import FastConv2D, InvertedResidual, OnePassBatchNormalization


def convolution_block(
    x: Any,
    filters: int,
    *,
    kernel_size: int,
    name: str,
    conv_name: str | None = None,
    strides: int = 1,
    padding: str = "same",
    activation: str | None = "relu",
    use_bias: bool = False,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> Any:
    """Convolution, batch norm and activation.

    Args:
        x: `(batch, height, width, channels)`.
        filters: number of output channels.
        kernel_size: side of the kernel, in pixels.
        name: prefix of the layers' names: `<name>_conv`, `<name>_bn`, `<name>_<activation>`.
        conv_name: name of the convolution instead.
        strides: step of the convolution, in pixels.
        padding: `"same"` or `"valid"`.
        activation: its name, None for none.
        use_bias: give the convolution a bias.
        momentum: of the batch norm.
        epsilon: of the batch norm.
    """
    x = FastConv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format="channels_last",
        use_bias=use_bias,
        name=conv_name or f"{name}_conv",
    )(x)
    x = OnePassBatchNormalization(momentum=momentum, epsilon=epsilon, name=f"{name}_bn")(x)
    if activation is None:
        return x
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def inverted_residual_stage(
    x: Any,
    filters: int,
    *,
    repeats: int,
    strides: int,
    expansion: int,
    name: str,
    residual: bool = True,
    use_bias: bool = True,
    padding: str = "same",
    epsilon: float = 1e-3,
) -> Any:
    """Inverted residuals `<name>_0`, `<name>_1` and so on, the first of which strides.

    Args:
        x: `(batch, height, width, channels)`.
        repeats: number of blocks.
        filters, strides, expansion, residual, use_bias, padding, epsilon: as in
            `InvertedResidual`.
        name: prefix of the layers' names.
    """
    for i in range(repeats):
        x = InvertedResidual(
            filters,
            expansion=expansion,
            strides=strides if i == 0 else 1,
            residual=residual,
            use_bias=use_bias,
            padding=padding,
            epsilon=epsilon,
            name=f"{name}_{i}",
        )(x)
    return x
