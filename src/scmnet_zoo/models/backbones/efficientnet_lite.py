"""EfficientNet-Lite2, with room for the ImageNet weights of its PyTorch port."""

import re
from collections.abc import Iterable

from scmnet_zoo.layers import InvertedResidual
from scmnet_zoo.models.backbones._blocks import conv_bn, trade_strides

# (expansion, channels, blocks, stride of the first, kernel): the stages of the smallest of the
# family, with 1.1 times the channels in steps of 8 and 1.2 times the blocks.
STAGES = (
    (None, 16, 1, 1, 3),
    (6, 24, 3, 2, 3),
    (6, 48, 3, 2, 5),
    (6, 88, 4, 2, 3),
    (6, 120, 4, 1, 5),
    (6, 208, 5, 2, 5),
    (6, 352, 1, 1, 3),
)
LAST_STRIDE_4 = "block_3"
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
    blocks = [
        (expansion, filters, stride if i == 0 else 1, kernel)
        for expansion, filters, repeats, stride, kernel in STAGES
        for i in range(repeats)
    ]
    steps = trade_strides([stride for _, _, stride, _ in blocks], output_stride // 2)

    x = conv_bn(image, 32, 3, "conv", strides=2, activation="relu6")  # /2
    maps = {}
    for i, ((expansion, filters, _, kernel), (stride, dilation)) in enumerate(
        zip(blocks, steps, strict=True)
    ):
        x = InvertedResidual(
            filters,
            expansion=expansion,
            strides=stride,
            dilation_rate=dilation,
            activation="relu6",
            use_bias=False,
            kernel_size=kernel,
            name=f"block_{i}",
        )(x)
        maps[f"block_{i}"] = x
    if last_conv:
        x = conv_bn(x, 1280, 1, "last_conv", activation="relu6")
    return maps[LAST_STRIDE_4], x


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
