"""The first layer of every network: checks an image batch and normalises it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor

MINIMUM_SIDE = 32


@register
class ImageInput(keras.layers.Layer):
    """Checks the size of an image batch and, given a mean and a standard deviation, normalises it.

    The layer computes in float32 under every dtype policy, since bfloat16 has too few digits for
    the values 0..255.

    Args:
        mean: one number for each channel, on the scale 0..255; None to leave the values unchanged.
            Defaults to None.
        std: standard deviation, likewise; given together with `mean`. Defaults to None.

    Input shape: `(batch, height, width, channels)`, sides of at least 32 pixels.

    Output shape: that of the input.

    Raises:
        ValueError: a known side is below 32, or `mean` and `std` do not have one number for each
            channel.

    Example:

    >>> x = 255 * keras.ops.ones((1, 32, 32, 3))
    >>> float(ImageInput(mean=[127.5] * 3, std=[127.5] * 3)(x)[0, 0, 0, 0])
    1.0
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        if (mean is None) != (std is None):
            raise ValueError(
                f"Expected mean and std both or neither. Received: mean={mean}, std={std}"
            )
        self.mean: list[float] | None = None if mean is None else [float(value) for value in mean]
        self.std: list[float] | None = None if std is None else [float(value) for value in std]

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != channels:
                raise ValueError(
                    f"Expected {key} to have {channels} numbers, one for each channel. "
                    f"Received: {key}={values}"
                )

    def call(self, inputs: Tensor) -> Tensor:
        sides = tuple(inputs.shape[1:3])
        if any(isinstance(side, int) and side < MINIMUM_SIDE for side in sides):
            raise ValueError(
                f"Expected images of at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels. "
                f"Received: height and width {sides}"
            )
        if self.mean is None or self.std is None:
            return ops.cast(inputs, "float32")
        x = ops.cast(inputs, "float32") - ops.array(self.mean)
        return x if set(self.std) == {1.0} else x / ops.array(self.std)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "std": self.std}
