"""Soft Dice loss."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import PixelLoss


@register
class Dice(PixelLoss):
    """1 minus the soft Dice coefficient, averaged over the classes in the labels of the batch.

    The coefficient of a class is `(2 sum(p g) + smooth) / (sum(p^2) + sum(g^2) + smooth)`, with p
    its probability, g 1 on its pixels and 0 elsewhere, and sums over all valid pixels of the batch.
    Per-image coefficients would be noisy for classes of few pixels in an image.

    Args:
        smooth: 0 or more; moves the coefficient of classes with few pixels towards 1. Defaults to
            0 as in the paper, which is safe, since classes without pixels are left out.
        class_weights: one weight per class in the mean over classes, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), integers 0..classes-1 or
    255 for void; scores (batch, height, width, classes). Returns one float32 number: 0 if all
    pixels are void, NaN with gradient 0 if a label is invalid.

    Raises:
        ValueError: an argument is out of range; when called, shapes do not fit, the number of class
            weights is not that of the classes, or there are sample weights.

    Source: Milletari et al. 2016, V-Net, arXiv 1606.04797, section 3, the form with squares in the
    denominator; there for one class.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> probabilities = keras.ops.array([[[[1.0, 0.0], [1.0, 0.0]]]])
    >>> round(float(Dice(from_logits=False)(labels, probabilities)), 4)  # mean of 1/3 and 1
    0.6667
    """

    def __init__(
        self,
        smooth: float = 0.0,
        class_weights: Sequence[float] | None = None,
        *,
        from_logits: bool = True,
        name: str = "dice",
    ) -> None:
        super().__init__(class_weights, from_logits, name)
        if not is_number(smooth) or not 0 <= smooth < math.inf:
            raise ValueError(f"Expected a finite smooth from 0 up. Received: smooth={smooth!r}")
        self.smooth: float = float(smooth)

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        p = ops.where(valid[..., None], self.probabilities(scores), 0.0)
        pixels = (0, 1, 2)
        counts = ops.sum(ops.cast(target, "int32"), axis=pixels)
        shared = ops.sum(ops.where(target, p, 0.0), axis=pixels)
        sizes = ops.sum(ops.square(p), axis=pixels) + ops.cast(counts, "float32")
        present = counts > 0
        # Both sizes of an absent class may be 0; dividing by 1 keeps the gradient finite.
        overlaps = (2 * shared + self.smooth) / ops.where(present, sizes + self.smooth, 1.0)
        return self.mean_of_classes(1 - overlaps, present)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "smooth": self.smooth}
