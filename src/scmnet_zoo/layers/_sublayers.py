"""Sublayers that several composite layers have."""

from typing import Any

import keras

from scmnet_zoo.layers.conv2d import FastConv2D

PADDINGS = ("same", "symmetric")


def pointwise_conv(
    filters: int, *, name: str, dtype: Any, use_bias: bool = False, groups: int = 1
) -> FastConv2D:
    """A 1x1 convolution."""
    return FastConv2D(
        filters,
        1,
        groups=groups,
        use_bias=use_bias,
        data_format="channels_last",
        dtype=dtype,
        name=name,
    )


def activation_layer(function: Any, *, prefix: str = "", dtype: Any) -> keras.layers.Activation:
    """The layer of an activation function, named by it: `relu`, with a prefix `expand_relu`."""
    kind = keras.activations.serialize(function)
    name = kind if isinstance(kind, str) else "activation"
    return keras.layers.Activation(function, dtype=dtype, name=f"{prefix}{name}")


def check_padding(padding: str) -> None:
    """Raise a ValueError unless the padding is `"same"` or `"symmetric"`."""
    if padding not in PADDINGS:
        raise ValueError(f"Expected padding to be one of {PADDINGS}. Received: padding={padding!r}")


def symmetric_padding(
    padding: str,
    *,
    strides: int,
    kernel_size: int,
    dilation_rate: int,
    name: str,
    dtype: Any,
) -> keras.layers.ZeroPadding2D | None:
    """The layer that pads as much before a map as after it, for a convolution without padding.

    Keras's `"same"` pads a strided convolution more at the end than at the start. With a stride of
    1 both are alike.

    Returns:
        The layer, or None where the convolution has to pad by itself, with `"same"`.
    """
    if padding == "same" or strides == 1:
        return None
    edge = dilation_rate * (kernel_size - 1) // 2
    return keras.layers.ZeroPadding2D(edge, data_format="channels_last", dtype=dtype, name=name)
