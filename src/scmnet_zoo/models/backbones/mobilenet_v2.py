"""MobileNetV2 of width 1, with room for the ImageNet weights of keras.applications."""

import re
from collections.abc import Iterable

from scmnet_zoo.layers import InvertedResidual
from scmnet_zoo.models.backbones._blocks import conv_bn, trade_strides

# (expansion, channels, blocks, stride of the first)
STAGES = (
    (None, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
LAST_STRIDE_4 = "expanded_conv_2"


def mobilenet_v2(image, output_stride=16, last_conv=True):
    """MobileNetV2 without its classifier.

    Args:
        image: `(batch, height, width, channels)`, normalised.
        output_stride: 8, 16 or, natively, 32.
        last_conv: the 1x1 convolution to 1280 channels behind the last block. The MobileNetV2
            paper's segmentation networks with a reduced head leave it out (section 6.3).

    Returns:
        The map at stride 4 for the decoder, 24 channels, and the map at the output stride, 1280
        channels, or 320 without `last_conv`.

    Strided convolutions pad `same`. That is what both the DeepLab reference and keras.applications
    do: the latter pads by itself, (0, 1) before and after an even side and (1, 1) an odd one,
    which is `same`.

    Source: Sandler et al. 2018, MobileNetV2, arXiv 1801.04381, table 2.
    """
    blocks = [
        (expansion, filters, stride if i == 0 else 1)
        for expansion, filters, repeats, stride in STAGES
        for i in range(repeats)
    ]
    steps = trade_strides([stride for *_, stride in blocks], output_stride // 2)

    x = conv_bn(image, 32, 3, "conv", strides=2, activation="relu6")  # /2
    maps = {}
    for i, ((expansion, filters, _), (stride, dilation)) in enumerate(
        zip(blocks, steps, strict=True)
    ):
        name = f"expanded_conv_{i}" if i else "expanded_conv"
        x = InvertedResidual(
            filters,
            expansion=expansion,
            strides=stride,
            dilation_rate=dilation,
            activation="relu6",
            use_bias=False,
            name=name,
        )(x)
        maps[name] = x
    if last_conv:
        x = conv_bn(x, 1280, 1, "last_conv", activation="relu6")
    return maps[LAST_STRIDE_4], x


def applications_paths(layers: Iterable[str]) -> dict[str, str]:
    """From the names of keras.applications' layers to the variable paths, less their last part."""
    paths = {"Conv1": "conv", "bn_Conv1": "conv_bn", "Conv_1": "last_conv"}
    paths["Conv_1_bn"] = "last_conv_bn"
    for layer in layers:
        block = re.fullmatch(
            r"(?:expanded_conv|block(_\d+))_(expand|depthwise|project)(_BN)?", layer
        )
        if block:
            number, part, bn = block.groups()
            paths[layer] = f"expanded_conv{number or ''}/{part}_{'bn' if bn else 'conv'}"
    return paths
