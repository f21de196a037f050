"""Resizing of maps to a fixed size."""

from typing import Any

import keras

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor
from scmnet_zoo.layers.resize import INTERPOLATIONS, resize


@register
class ResizeTo(keras.layers.Layer):
    """Resizes a map of any size to a fixed height and width.

    Args:
        size: (height, width), in pixels.
        interpolation: as in `ResizeToPartner`. Defaults to `"bilinear"`.

    Input shape: `(batch, h, w, channels)`.

    Output shape: `(batch, height, width, channels)`.

    Raises:
        ValueError: `size` is no pair of positive integers, or `interpolation` is unknown.

    Example:

    >>> x = keras.ops.ones((1, 45, 60, 3))
    >>> keras.ops.shape(ResizeTo((32, 64))(x))
    (1, 32, 64, 3)
    """

    def __init__(
        self, size: tuple[int, int], interpolation: str = "bilinear", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        pair = isinstance(size, list | tuple) and len(size) == 2
        if not pair or not all(isinstance(side, int) and side > 0 for side in size):
            raise ValueError(f"Expected size to be (height, width). Received: size={size!r}")
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"Expected interpolation to be one of {INTERPOLATIONS}. "
                f"Received: interpolation={interpolation!r}"
            )
        self.size: tuple[int, int] = (size[0], size[1])
        self.interpolation = interpolation

    def call(self, inputs: Tensor) -> Tensor:
        return resize(inputs, self.size, self.interpolation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "interpolation": self.interpolation}
