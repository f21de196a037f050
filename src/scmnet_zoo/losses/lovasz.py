"""Lovász-Softmax, a convex surrogate of mean IoU."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._pixel_loss import PixelLoss


@register
class LovaszSoftmax(PixelLoss):
    """The Lovász extension of the Jaccard loss of each class, averaged over classes.

    The error of a pixel for a class is |target - probability|. Errors are sorted in descending
    order, and each is multiplied by the increase of the Jaccard loss when that pixel becomes wrong
    too. All valid pixels of the batch form one set.

    All pixels are sorted for each class, which takes several arrays of the size of the scores. A
    batch may have fewer than 2^31 pixels.

    Args:
        classes: `"present"`, the mean over the classes in the labels of the batch, or `"all"`, as
            in the paper, where the loss of a class without pixels is its largest error.
        class_weights: one weight per class in the mean over classes, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), integers 0..classes-1 or
    255 for void; scores (batch, height, width, classes). Returns one float32 number: 0 if all
    pixels are void, NaN with gradient 0 if a label is invalid.

    Raises:
        ValueError: an argument is out of range; when called, shapes do not fit, the number of class
            weights is not that of the classes, or there are sample weights.

    Source: Berman, Rannen Triki, Blaschko 2018, arXiv 1705.08790, algorithm 1 and equations 8, 9,
    11 and 12.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> probabilities = keras.ops.array([[[[1.0, 0.0], [1.0, 0.0]]]])
    >>> loss = LovaszSoftmax(from_logits=False)
    >>> round(float(loss(labels, probabilities)), 4)  # of hard decisions: 1 - mean(1/2, 0)
    0.75
    """

    def __init__(
        self,
        classes: str = "present",
        class_weights: Sequence[float] | None = None,
        *,
        from_logits: bool = True,
        name: str = "lovasz_softmax",
    ) -> None:
        super().__init__(class_weights, from_logits, name)
        if classes not in ("present", "all"):
            raise ValueError(f'Expected "present" or "all". Received: classes={classes!r}')
        self.classes = classes

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        p, target = _by_class(self.probabilities(scores)), _by_class(target)
        valid = ops.reshape(valid, (1, -1))
        errors = ops.where(target, 1 - p, p)
        order = ops.argsort(ops.where(valid, -ops.stop_gradient(errors), 1.0))  # void at the end
        counts = ops.sum(ops.cast(target, "int32"), axis=-1, keepdims=True)
        growth = _jaccard_growth(ops.take_along_axis(target, order, axis=-1), counts)
        errors = ops.take_along_axis(ops.where(valid, errors, 0.0), order, axis=-1)
        losses = ops.sum(errors * growth, axis=-1)
        present = ops.squeeze(counts, axis=-1) > 0
        return self.mean_of_classes(
            losses, present if self.classes == "present" else ops.ones_like(present)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


def _by_class(x):
    """(batch, height, width, classes) to (classes, pixels)."""
    return ops.transpose(ops.reshape(x, (-1, x.shape[-1])))


def _jaccard_growth(target, counts):
    """The increase of the Jaccard loss by each pixel, given the previous ones (equation 9).

    The loss is 1 - intersection / union. A wrong pixel of the class reduces the intersection by 1,
    any other increases the union by 1. The increases are computed directly, since differences of
    losses near 1 would be lost to float32 rounding. Counts are int32, since float32 cannot count
    beyond 2^24.
    """
    wrong = ops.cumsum(ops.cast(target, "int32"), axis=-1)
    others = ops.cumsum(ops.cast(ops.logical_not(target), "int32"), axis=-1)
    intersection = ops.cast(counts - wrong, "float32")
    union = ops.cast(counts + others, "float32")
    added = intersection / (union * ops.maximum(union - 1, 1.0))
    # For a class without pixels the first wrong pixel has the whole loss.
    added = ops.where(union > 1, added, 1.0)
    return ops.where(target, 1 / ops.maximum(union, 1.0), added)
