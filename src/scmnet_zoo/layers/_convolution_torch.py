"""Convolutions in PyTorch on maps whose channels are last, without a copy of the map.

PyTorch takes channels first, in any order in memory. Keras (3.15) hands it a map that it has first
copied to channels first and then back; both copies take longer than most convolutions of these
networks. A view does. Importable with PyTorch only.
"""

from torch import Tensor
from torch.nn import functional


def convolution(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int],
    groups: int = 1,
) -> Tensor:
    """A convolution as Keras has it.

    Args:
        x: (batch, height, width, channels).
        kernel: (rows, columns, channels / groups, filters).
        bias: (filters,).
        strides, dilation: of height and width.
        padding: `"same"` or `"valid"`, as TensorFlow has them.
        groups: of channels.

    Returns:
        (batch, new_height, new_width, filters).
    """
    x = x.permute(0, 3, 1, 2)
    around = [0, 0]
    if padding == "same":
        edges = [
            _edges(*sides)
            for sides in zip(x.shape[2:], kernel.shape[:2], strides, dilation, strict=True)
        ]
        around = [before for before, _ in edges]
        if any(before != after for before, after in edges):
            (top, bottom), (left, right) = edges
            x = functional.pad(x, (left, right, top, bottom))
            around = [0, 0]
    kernel = kernel.permute(3, 2, 0, 1)
    found = functional.conv2d(x, kernel, bias, strides, around, dilation, groups)
    return found.permute(0, 2, 3, 1)


def depthwise(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int],
) -> Tensor:
    """A depthwise convolution as Keras has it: kernel (rows, columns, channels, multiplier)."""
    rows, columns, channels, multiplier = kernel.shape
    kernel = kernel.reshape(rows, columns, 1, channels * multiplier)
    return convolution(x, kernel, bias, strides, padding, dilation, channels)


def _edges(size: int, taps: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after a side."""
    total = (-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size
    total = max(total, 0)
    return total // 2, total - total // 2
