"""Sizes of maps before and after a convolution."""

from typing import Any

from keras import ops


def strided(sides: tuple[int | None, ...], strides: int) -> tuple[int | None, ...]:
    """Sides after a padded convolution with this step; None stays None."""
    return tuple(None if side is None else -(-side // strides) for side in sides)


def window(size: Any, taps: int, stride: int, dilation: int, padding: str) -> tuple[Any, Any, Any]:
    """Padding before and after, and the number of outputs, along one axis.

    Args:
        size: of the axis, in pixels; a number, or a tensor where it is unknown.
        taps: of the kernel.
        stride: step of the kernel, in pixels.
        dilation: distance of the taps, in pixels.
        padding: `"same"` or `"valid"`, as in Keras.
    """
    extent = (taps - 1) * dilation + 1
    if padding == "valid":
        return 0, 0, (size - extent) // stride + 1
    outputs = -(-size // stride)
    total = (outputs - 1) * stride + extent - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return total // 2, total - total // 2, outputs
