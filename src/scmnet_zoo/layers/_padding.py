"""Padding of convolutions: Keras's, and alike on both sides, as PyTorch and Caffe pad."""

from keras import ops

PADDINGS = ("same", "symmetric")


def check_padding(padding):
    if padding not in PADDINGS:
        raise ValueError(f"Expected padding to be one of {PADDINGS}. Received: padding={padding!r}")


def keras_padding(padding, strides):
    """The `padding` argument of the Keras convolution that follows `pad_symmetric`."""
    return "valid" if padding == "symmetric" and strides > 1 else "same"


def pad_symmetric(x, padding, strides, kernel_size=3, dilation_rate=1):
    """Pad (batch, height, width, channels) alike before and after, where the convolution strides.

    Keras's `same` pads a strided convolution more at the end than at the start; where the stride
    is 1 both are the same and the convolution pads by itself.
    """
    if keras_padding(padding, strides) == "same":
        return x
    edge = _edge(kernel_size, dilation_rate)
    return ops.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))


def padded_shape(shape, padding, strides, kernel_size=3, dilation_rate=1):
    """The shape of what `pad_symmetric` makes of a map of this shape; None stays None."""
    if keras_padding(padding, strides) == "same":
        return tuple(shape)
    batch, *sides, channels = shape
    edges = 2 * _edge(kernel_size, dilation_rate)
    return (batch, *(None if side is None else side + edges for side in sides), channels)


def _edge(kernel_size, dilation_rate):
    return dilation_rate * (kernel_size - 1) // 2


def strided(sides, strides):
    """Sides after a padded convolution with this step; None stays None."""
    return tuple(None if side is None else -(-side // strides) for side in sides)


def window(size, taps, stride, dilation, padding):
    """Padding before and after, and the number of outputs, along one axis."""
    extent = (taps - 1) * dilation + 1
    if padding == "valid":
        return 0, 0, (size - extent) // stride + 1
    outputs = -(-size // stride)
    total = (outputs - 1) * stride + extent - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return total // 2, total - total // 2, outputs
