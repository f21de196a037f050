"""Xception, with room for the ImageNet weights of keras.applications."""

import re
from collections.abc import Iterable
from typing import Any

import keras

from scmnet_zoo.layers import DepthwiseSeparableConv2D, DilatedMaxPooling2D
from scmnet_zoo.models.backbones._blocks import conv_bn_relu, trade_strides

# Channels of the separable convolutions by block number; the blocks of STRIDED pool, stride 2, and
# have a convolution as shortcut, the middle ones the identity, the last none.
BLOCKS = {
    2: (128, 128),
    3: (256, 256),
    4: (728, 728),
    **dict.fromkeys(range(5, 13), (728, 728, 728)),
    13: (728, 1024),
    14: (1536, 2048),
}
STRIDED = (2, 3, 4, 13)
FIRST, LAST = 2, 14


def xception(image: Any, output_stride: int = 16) -> tuple[Any, Any]:
    """Xception without its classifier.

    Args:
        image: `(batch, height, width, channels)`, normalised.
        output_stride: 8, 16 or, natively, 32.

    Returns:
        The map at stride 4 for the decoder, 256 channels (second separable convolution of block
        3, as in Xception-65), and the map at the output stride, 2048 channels.

    The first two convolutions pad nothing, as those that the ImageNet weights were trained with:
    the maps' sides are those of an image 3 to 4 pixels smaller, e.g. 61x125 at half of 128x256.

    Source: Chollet 2017, Xception, arXiv 1610.02357, figure 5.
    """
    strides = [2 if number in STRIDED else 1 for number in BLOCKS]
    steps = trade_strides(strides, output_stride // 2)  # the first convolution strides by 2

    x = conv_bn_relu(
        image, 32, kernel_size=3, name="block1_conv1", strides=2, padding="valid"
    )  # /2
    x = conv_bn_relu(x, 64, kernel_size=3, name="block1_conv2", padding="valid")
    maps = {}
    for (number, filters), (stride, dilation) in zip(BLOCKS.items(), steps, strict=True):
        maps[number], x = _block(x, number, filters, stride=stride, dilation=dilation)
    return maps[3], x


def _block(
    x: Any, number: int, filters: tuple[int, ...], *, stride: int, dilation: int
) -> tuple[Any, Any]:
    """Separable convolutions, a pool where the block strides natively, and the shortcut.

    Returns the map before the pool and the block's output.
    """
    inputs, name = x, f"block{number}"
    for i, channels in enumerate(filters, start=1):
        conv = f"{name}_sepconv{i}"
        if number != LAST and (number, i) != (FIRST, 1):  # what block 2 reads is activated already
            x = keras.layers.Activation("relu", name=f"{conv}_relu")(x)
        x = DepthwiseSeparableConv2D(
            channels,
            dilation_rate=dilation,
            activation="relu" if number == LAST else None,
            use_bias=False,
            name=conv,
        )(x)
    if number == LAST:
        return x, x
    features = x
    if number in STRIDED:
        x = _pool(x, stride=stride, dilation=dilation, name=f"{name}_pool")
        inputs = conv_bn_relu(
            inputs,
            filters[-1],
            kernel_size=1,
            name=f"{name}_shortcut",
            strides=stride,
            activation=None,
        )
    return features, keras.layers.Add(name=f"{name}_add")([x, inputs])


def _pool(x: Any, *, stride: int, dilation: int, name: str) -> Any:
    if stride > 1 or dilation == 1:
        pool = keras.layers.MaxPooling2D(3, stride, "same", data_format="channels_last", name=name)
        return pool(x)
    return DilatedMaxPooling2D(dilation, name=name)(x)


def applications_paths(layers: Iterable[str]) -> dict[str, str]:
    """From the names of keras.applications' layers to the variable paths, less their last part.

    The shortcuts' layers are unnamed there: `conv2d_1`, `batch_normalization_1` and so on, with
    numbers that start anywhere but keep the order of the blocks.
    """
    paths = {}
    for layer in layers:
        named = re.fullmatch(r"(block\d+_(?:conv|sepconv)\d+)(_bn)?", layer)
        if named:
            conv, bn = named.groups()
            paths[layer] = conv + (("/bn" if "sepconv" in conv else "_bn") if bn else "")
    for prefix, suffix in (("conv2d", ""), ("batch_normalization", "_bn")):
        numbers = {
            int(match[1] or 0): layer
            for layer in layers
            if (match := re.fullmatch(rf"{prefix}(?:_(\d+))?", layer))
        }
        for block, (_, layer) in zip(STRIDED, sorted(numbers.items()), strict=False):
            paths[layer] = f"block{block}_shortcut{suffix}"
    return paths
