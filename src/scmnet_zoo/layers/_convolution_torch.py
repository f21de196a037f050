"""Convolutions in PyTorch on maps whose channels are last, without a copy of the map.

PyTorch takes channels first, in any order in memory. Keras (3.15) hands it a map that it has first
copied to channels first and then back; both copies take longer than most convolutions of these
networks. A view does. Importable with PyTorch only.
"""

from torch import Tensor
from torch.nn import functional

from scmnet_zoo.layers._padding import window


def convolution(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int],
    groups: int,
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
    (top, bottom), (left, right) = (
        window(*side, padding)[:2]
        for side in zip(x.shape[2:], kernel.shape[:2], strides, dilation, strict=True)
    )
    around = (top, left)
    if around != (bottom, right):
        x, around = functional.pad(x, (left, right, top, bottom)), (0, 0)
    kernel = kernel.permute(3, 2, 0, 1)
    found = functional.conv2d(x, kernel, bias, strides, around, dilation, groups)
    return found.permute(0, 2, 3, 1)
