"""Xception-65, the modified aligned Xception of DeepLabV3+.

Differs from Xception in its depth, in separable convolutions that stride where Xception pools, and
in a batch norm between the depthwise and the pointwise convolution.
"""

import keras

from scmnet_zoo.layers import DepthwiseSeparableConv2D
from scmnet_zoo.models.backbones._blocks import conv_bn, trade_strides

# (channels of the three separable convolutions, stride of the last)
ENTRY_BLOCKS = (((128, 128, 128), 2), ((256, 256, 256), 2), ((728, 728, 728), 2))
MIDDLE_BLOCK = (728, 728, 728)
MIDDLE_BLOCKS = 16
EXIT_BLOCKS = (((728, 1024, 1024), 2), ((1536, 1536, 2048), 1))


def xception65(image, output_stride=16):
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

    x = conv_bn(image, 32, 3, "entry_flow_conv1_1", strides=2)  # /2
    x = conv_bn(x, 64, 3, "entry_flow_conv1_2")
    maps = []
    for i, (filters, _) in enumerate(ENTRY_BLOCKS, start=1):  # /4, /8, /16
        middle, x = _block(x, filters, *next(blocks), f"entry_flow_block{i}", "convolution")
        maps.append(middle)
    for i in range(1, MIDDLE_BLOCKS + 1):
        _, x = _block(x, MIDDLE_BLOCK, *next(blocks), f"middle_flow_unit_{i}", "identity")
    _, x = _block(x, EXIT_BLOCKS[0][0], *next(blocks), "exit_flow_block1", "convolution")
    _, dilation = next(blocks)
    for i, channels in enumerate(EXIT_BLOCKS[1][0], start=1):
        x = _separable(x, channels, 1, dilation, f"exit_flow_block2_separable_conv{i}", "relu")
    return maps[1], x


def _block(x, filters, strides, dilation, name, shortcut):
    """Three pre-activated separable convolutions and a shortcut; the second's map and the sum."""
    inputs, maps = x, []
    for i, channels in enumerate(filters, start=1):
        conv = f"{name}_separable_conv{i}"
        x = keras.layers.Activation("relu", name=f"{conv}_relu")(x)
        x = _separable(x, channels, strides if i == len(filters) else 1, dilation, conv, None)
        maps.append(x)
    if shortcut == "convolution":
        inputs = conv_bn(
            inputs, filters[-1], 1, f"{name}_shortcut", strides=strides, activation=None
        )
    return maps[1], keras.layers.Add(name=f"{name}_add")([x, inputs])


def _separable(x, filters, strides, dilation, name, activation):
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
