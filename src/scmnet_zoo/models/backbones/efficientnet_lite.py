"""EfficientNet-Lite2, with room for the ImageNet weights of its PyTorch port."""

import re
from collections.abc import Iterable

from scmnet_zoo.models.backbones._blocks import Stage, inverted_residuals

# The stages of the smallest of the family, with 1.1 times the channels in steps of 8 and 1.2 times
# the blocks.
STAGES = (
    Stage(None, 16, 1, 1),
    Stage(6, 24, 3, 2),
    Stage(6, 48, 3, 2, kernel_size=5),
    Stage(6, 88, 4, 2),
    Stage(6, 120, 4, 1, kernel_size=5),
    Stage(6, 208, 5, 2, kernel_size=5),
    Stage(6, 352, 1, 1),
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


def efficientnet_lite2(image, output_stride=16, last_conv=True):
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
    maps, last = inverted_residuals(image, STAGES, "block_{}".format, output_stride, last_conv)
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
