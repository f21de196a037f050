"""What the backbones share: strides traded for dilation, convolution with batch norm."""

from collections.abc import Sequence

import keras

from scmnet_zoo.layers import BatchNormalization, Conv2D


def trade_strides(strides: Sequence[int], output_stride: int) -> list[tuple[int, int]]:
    """(stride, dilation) of each block, so that the blocks together stride by `output_stride`.

    A block that would stride further keeps its place with stride 1, and the convolutions behind
    it are dilated instead: they see the same pixels with the same weights, only more densely.

    >>> trade_strides([2, 2, 2, 1], output_stride=4)
    [(2, 1), (2, 1), (1, 1), (1, 2)]
    """
    total, dilation, blocks = 1, 1, []
    for stride in strides:
        if total * stride <= output_stride:
            blocks.append((stride, dilation))
            total *= stride
        else:
            blocks.append((1, dilation))
            dilation *= stride
    return blocks


def conv_bn(
    x,
    filters,
    kernel_size,
    name,
    *,
    strides=1,
    padding="same",
    activation="relu",
    epsilon=1e-3,
):
    """Convolution `name` without bias, batch norm `name_bn`, activation."""
    x = Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format="channels_last",
        use_bias=False,
        name=name,
    )(x)
    x = BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)
    if activation is None:
        return x
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
