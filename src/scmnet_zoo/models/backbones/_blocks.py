"""What the backbones share: dilation instead of strides, blocks."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scmnet_zoo.layers import InvertedResidual
from scmnet_zoo.models._blocks import convolution_block


class Stage(NamedTuple):
    """Inverted residuals in a row, the first of which strides.

    Attributes:
        expansion: hidden channels for each input channel; None for no expansion.
        filters: number of output channels.
        repeats: number of blocks.
        strides: step of the first block, in pixels.
        kernel_size: side of the depthwise kernels, in pixels.
    """

    expansion: int | None
    filters: int
    repeats: int
    strides: int
    kernel_size: int = 3


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


def conv_bn_relu(
    x: Any,
    filters: int,
    *,
    kernel_size: int,
    name: str,
    strides: int = 1,
    padding: str = "same",
    activation: str | None = "relu",
) -> Any:
    """Convolution `name` without bias, batch norm `name_bn`, activation."""
    return convolution_block(
        x,
        filters,
        kernel_size=kernel_size,
        name=name,
        conv_name=name,
        strides=strides,
        padding=padding,
        activation=activation,
    )


def inverted_residuals(
    image: Any,
    stages: Sequence[Stage],
    *,
    name_of: Callable[[int], str],
    output_stride: int,
    last_conv: bool,
) -> tuple[list[Any], Any]:
    """A convolution, stages of inverted residuals, and a 1x1 convolution to 1280 channels.

    Args:
        image: `(batch, height, width, channels)`, normalised.
        stages: what there is after the first convolution, which strides by 2.
        name_of: the name of a block by its number.
        output_stride: where the stages stop to stride and dilate instead.
        last_conv: whether the last convolution is there.

    Returns:
        The maps of the blocks, and the last one.
    """
    blocks = [stage for stage in stages for _ in range(stage.repeats)]
    strides = [stage.strides if i == 0 else 1 for stage in stages for i in range(stage.repeats)]
    x = conv_bn_relu(image, 32, kernel_size=3, name="conv", strides=2, activation="relu6")  # /2
    maps = []
    steps = trade_strides(strides, output_stride // 2)
    for i, (block, (stride, dilation)) in enumerate(zip(blocks, steps, strict=True)):
        x = InvertedResidual(
            block.filters,
            expansion=block.expansion,
            strides=stride,
            dilation_rate=dilation,
            activation="relu6",
            use_bias=False,
            kernel_size=block.kernel_size,
            name=name_of(i),
        )(x)
        maps.append(x)
    if last_conv:
        x = conv_bn_relu(x, 1280, kernel_size=1, name="last_conv", activation="relu6")
    return maps, x
