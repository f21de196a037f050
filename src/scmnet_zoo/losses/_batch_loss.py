"""A loss that is one number for a whole batch."""

import math
import numbers

import keras
import numpy as np


class BatchLoss(keras.losses.Loss):
    """Computed in float32 whatever the scores are in; nothing is left to reduce."""

    def __init__(self, name):
        super().__init__(name=name, reduction=None, dtype="float32")

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:  # Keras would multiply the batch's one number by each of them
            known = hasattr(sample_weight, "shape")
            shape = tuple(sample_weight.shape) if known else np.shape(sample_weight)
            raise ValueError(
                "Expected sample_weight=None: give weights by class, and leave pixels out by label "
                f"255. Received: sample_weight of shape {shape}"
            )
        return super().__call__(y_true, y_pred)

    def get_config(self):
        return {"name": self.name}


def checked_weight(weight, argument):
    """A weight of a loss among others as a float, or a ValueError that names the argument."""
    if not is_number(weight) or not 0 <= weight < math.inf:
        raise ValueError(f"Expected finite weights from 0 up. Received: {argument}={weight!r}")
    return float(weight)


def is_number(value):
    """Whether a value is a number, Python's or NumPy's: what cannot be compared is none."""
    return isinstance(value, numbers.Real)


def checked_loss(loss, argument):
    """The loss itself, or a ValueError that names the argument."""
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(f"Expected a keras.losses.Loss. Received: {argument}={loss!r}")
    return loss
