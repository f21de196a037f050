"""Base of losses that return one number per batch."""

import math
import numbers
from typing import Any

import keras
import numpy as np

from scmnet_zoo.layers._types import Tensor


class BatchLoss(keras.losses.Loss):
    """A loss that returns one float32 number per batch; it needs no reduction."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, reduction=None, dtype="float32")

    def __call__(self, y_true: Tensor, y_pred: Any, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None:  # Keras would multiply the number of the batch by each weight
            known = hasattr(sample_weight, "shape")
            shape = tuple(sample_weight.shape) if known else np.shape(sample_weight)
            raise ValueError(
                "Expected sample_weight=None: give weights by class, and leave pixels out by label "
                f"255. Received: sample_weight of shape {shape}"
            )
        return super().__call__(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def checked_weight(weight: float, argument: str) -> float:
    """The weight of a loss as a float; raises a ValueError that names the argument."""
    if not is_number(weight) or not 0 <= weight < math.inf:
        raise ValueError(f"Expected finite weights from 0 up. Received: {argument}={weight!r}")
    return float(weight)


def is_number(value: object) -> bool:
    """Whether a value is a real number of Python or NumPy."""
    return isinstance(value, numbers.Real)


def checked_loss(loss: keras.losses.Loss, argument: str) -> keras.losses.Loss:
    """The loss; raises a ValueError that names the argument if it is not one."""
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(f"Expected a keras.losses.Loss. Received: {argument}={loss!r}")
    return loss
