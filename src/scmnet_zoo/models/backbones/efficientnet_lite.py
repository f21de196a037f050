"""EfficientNet-Lite2, with room for the ImageNet weights of its PyTorch port."""

import re
from collections.abc import Iterable
from typing import Any

from scmnet_zoo.models.backbones._blocks import Stage, inverted_residuals

# The stages of the smallest of the family, with 1.1 times the channels in steps of 8 and 1.2 times
# the blocks.
STAGES = (
    Stage(expansion=None, filters=16, repeats=1, strides=1),
    Stage(expansion=6, filters=24, repeats=3, strides=2),
    Stage(expansion=6, filters=48, repeats=3, strides=2, kernel_size=5),
    Stage(expansion=6, filters=88, repeats=4, strides=2),
    Stage(expansion=6, filters=120, repeats=4, strides=1, kernel_size=5),
    Stage(expansion=6, filters=208, repeats=5, strides=2, kernel_size=5),
    Stage(expansion=6, filters=352, repeats=1, strides=1),
)
LAST_STRIDE_4 = 3  # number of the block
# The port's names of a block's parts.
PARTS = {
    "_expand_conv": "expand_conv",
    "_bn0": "expand_bn",
    "_depthwise_conv": "depthwise_conv",
    "_bn1": "depthwise_bn",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}
OUTER = {"_conv_stem": "conv", "_bn0": "conv_bn", "_conv_head": "last_conv", "_bn1": "last_conv_bn"}
CLASSIFIER = "_fc"


def efficientnet_lite2(
    image: Any, output_stride: int = 16, last_conv: bool = True
) -> tuple[Any, Any]:
    """EfficientNet-Lite2 without its classifier.

    Args:
        image: `(batch, height, width, channels)`, normalised.
        output_stride: 8, 16 or, natively, 32.
        last_conv: the 1x1 convolution to 1280 channels behind the last block.

    Returns:
        The map at stride 4 for the decoder, 24 channels, and the map at the output stride, 1280
        channels, or 352 without `last_conv`.

    Source: Tan and Le 2019, EfficientNet, arXiv 1905.11946, table 1 and section 3.3; the Lite
    variants, without squeeze-and-excitation, with ReLU6 and with the first and last stage as they
    are whatever the depth, are those of the TensorFlow authors' code.
    """
    maps, last = inverted_residuals(
        image,
        STAGES,
        name_of="block_{}".format,
        output_stride=output_stride,
        last_conv=last_conv,
    )
    return maps[LAST_STRIDE_4], last


def port_paths(layers: Iterable[str]) -> dict[str, str]:
    """From the port's names of layers to the variable paths, less their last part."""
    paths = {}
    for layer in layers:
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
        if block and block[2] in PARTS:
            paths[layer] = f"block_{block[1]}/{PARTS[block[2]]}"
        elif layer in OUTER:
            paths[layer] = OUTER[layer]
    return paths
