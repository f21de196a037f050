"""MobileNetV2 of width 1, with room for the ImageNet weights of keras.applications."""

import re
from collections.abc import Iterable
from typing import Any

from scmnet_zoo.models.backbones._blocks import Stage, inverted_residuals

STAGES = (
    Stage(expansion=None, filters=16, repeats=1, strides=1),
    Stage(expansion=6, filters=24, repeats=2, strides=2),
    Stage(expansion=6, filters=32, repeats=3, strides=2),
    Stage(expansion=6, filters=64, repeats=4, strides=2),
    Stage(expansion=6, filters=96, repeats=3, strides=1),
    Stage(expansion=6, filters=160, repeats=3, strides=2),
    Stage(expansion=6, filters=320, repeats=1, strides=1),
)
LAST_STRIDE_4 = 2  # number of the block


def mobilenet_v2(image: Any, output_stride: int = 16, last_conv: bool = True) -> tuple[Any, Any]:
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
    maps, last = inverted_residuals(
        image, STAGES, name_of=_name, output_stride=output_stride, last_conv=last_conv
    )
    return maps[LAST_STRIDE_4], last


def _name(number: int) -> str:
    return f"expanded_conv_{number}" if number else "expanded_conv"


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
