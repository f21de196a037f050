"""Xception-65, the modified aligned Xception of DeepLabV3+.

Differs from Xception in its depth, in separable convolutions that stride where Xception pools, and
in a batch norm between the depthwise and the pointwise convolution.
"""

from collections.abc import Sequence
from typing import Any

import keras

from scmnet_zoo.layers import DepthwiseSeparableConv2D
from scmnet_zoo.models.backbones._blocks import conv_bn_relu, trade_strides

# (channels of the three separable convolutions, stride of the last)
ENTRY_BLOCKS = (((128, 128, 128), 2), ((256, 256, 256), 2), ((728, 728, 728), 2))
MIDDLE_BLOCK = (728, 728, 728)
MIDDLE_BLOCKS = 16
EXIT_BLOCKS = (((728, 1024, 1024), 2), ((1536, 1536, 2048), 1))


def xception65(image: Any, output_stride: int = 16) -> tuple[Any, Any]:
    """Xception-65 without its classifier.

    Args:
        image: `(batch, height, width, channels)`, normalised.
        output_stride: 8, 16 or, natively, 32.

    Returns:
        The map at stride 4 for the decoder, 256 channels (second separable convolution of the
        second entry block), and the map at the output stride, 2048 channels.

    As in the reference, strided separable convolutions pad alike before and after, the first
    convolution pads `same`.

    Source: Chen et al. 2018, DeepLabV3+, arXiv 1802.02611, figure 4.
    """
    strides = [stride for _, stride in ENTRY_BLOCKS] + [1] * MIDDLE_BLOCKS
    strides += [stride for _, stride in EXIT_BLOCKS]
    blocks = iter(trade_strides(strides, output_stride // 2))  # the stem strides by 2

    x = conv_bn_relu(image, 32, kernel_size=3, name="entry_flow_conv1_1", strides=2)  # /2
    x = conv_bn_relu(x, 64, kernel_size=3, name="entry_flow_conv1_2")
    maps = []
    for i, (filters, _) in enumerate(ENTRY_BLOCKS, start=1):  # /4, /8, /16
        middle, x = _block(
            x, filters, next(blocks), name=f"entry_flow_block{i}", shortcut="convolution"
        )
        maps.append(middle)
    for i in range(1, MIDDLE_BLOCKS + 1):
        _, x = _block(
            x, MIDDLE_BLOCK, next(blocks), name=f"middle_flow_unit_{i}", shortcut="identity"
        )
    _, x = _block(
        x, EXIT_BLOCKS[0][0], next(blocks), name="exit_flow_block1", shortcut="convolution"
    )
    _, dilation = next(blocks)
    for i, channels in enumerate(EXIT_BLOCKS[1][0], start=1):
        x = _separable(
            x,
            channels,
            dilation=dilation,
            name=f"exit_flow_block2_separable_conv{i}",
            activation="relu",
        )
    return maps[1], x


def _block(
    x: Any, filters: Sequence[int], step: tuple[int, int], *, name: str, shortcut: str
) -> tuple[Any, Any]:
    """Three pre-activated separable convolutions and a shortcut.

    Args:
        x: `(batch, height, width, channels)`.
        filters: channels of the three convolutions.
        step: (stride of the last, dilation of all).
        name: prefix of the layers' names.
        shortcut: `"convolution"` or `"identity"`.

    Returns:
        The map of the second convolution, and the sum.
    """
    (strides, dilation), inputs, maps = step, x, []
    for i, channels in enumerate(filters, start=1):
        conv = f"{name}_separable_conv{i}"
        x = keras.layers.Activation("relu", name=f"{conv}_relu")(x)
        last = i == len(filters)
        x = _separable(x, channels, strides=strides if last else 1, dilation=dilation, name=conv)
        maps.append(x)
    if shortcut == "convolution":
        inputs = conv_bn_relu(
            inputs,
            filters[-1],
            kernel_size=1,
            name=f"{name}_shortcut",
            strides=strides,
            activation=None,
        )
    return maps[1], keras.layers.Add(name=f"{name}_add")([x, inputs])


def _separable(
    x: Any,
    filters: int,
    *,
    dilation: int,
    name: str,
    strides: int = 1,
    activation: str | None = None,
) -> Any:
    """Depthwise and pointwise convolution, each with batch norm and the activation."""
    return DepthwiseSeparableConv2D(
        filters,
        strides=strides,
        dilation_rate=dilation,
        activation=activation,
        depthwise_batchnorm=True,
        depthwise_activation=activation,
        use_bias=False,
        padding="symmetric",
        name=name,
    )(x)
