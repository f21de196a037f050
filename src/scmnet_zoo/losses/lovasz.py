"""Lovász-Softmax, a surrogate of the mean intersection over union."""

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.losses._pixel_loss import PixelLoss


@register
class LovaszSoftmax(PixelLoss):
    """The Lovász extension of the Jaccard loss of each class, averaged over classes.

    The error of a pixel for a class is how far its probability is from the truth, 1 or 0. With the
    errors in falling order, each is multiplied by what the Jaccard loss grows by as that pixel
    joins the wrong ones. All valid pixels of the batch are one set.

    Every class sorts all pixels, so memory and time are those of several arrays of the scores'
    size. Pixels are counted in int32: a batch holds fewer than 2^31 of them.

    Args:
        classes: `"present"`, the mean over the classes that the labels of the batch have; or
            `"all"`, as in the paper, where a class without pixels costs its greatest error.
        class_weights: one number for each class, of the mean over classes; or None for all 1.
        from_logits: whether the scores are logits; False for probabilities.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), whole numbers
    0..classes-1 and 255 for void; scores (batch, height, width, classes). One number, in float32:
    0 where every pixel is void, NaN with gradient 0 where a label is none of these.

    Raises:
        ValueError: an argument is out of range; when called, shapes that do not fit, not as many
            weights as classes, or sample weights.

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
        self, classes="present", class_weights=None, *, from_logits=True, name="lovasz_softmax"
    ):
        super().__init__(class_weights, from_logits, name)
        if classes not in ("present", "all"):
            raise ValueError(f'Expected "present" or "all". Received: classes={classes!r}')
        self.classes = classes

    def value(self, target, valid, scores):
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

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


def _by_class(x):
    """(batch, height, width, classes) to (classes, pixels)."""
    return ops.transpose(ops.reshape(x, (-1, x.shape[-1])))


def _jaccard_growth(target, counts):
    """What each pixel adds to the Jaccard loss of the wrong pixels before it (equation 9).

    The loss is 1 - intersection / union. A wrong pixel of the class takes 1 from the intersection,
    any other adds 1 to the union. The differences are written out, for in float32 the losses
    themselves, near 1, would differ from pixel to pixel by little more than their rounding. Sums of
    ones run in int32, as float32 cannot count beyond 2^24.
    """
    wrong = ops.cumsum(ops.cast(target, "int32"), axis=-1)
    others = ops.cumsum(ops.cast(ops.logical_not(target), "int32"), axis=-1)
    intersection = ops.cast(counts - wrong, "float32")
    union = ops.cast(counts + others, "float32")
    added = intersection / (union * ops.maximum(union - 1, 1.0))
    # Of a class without pixels the first wrong one already costs all.
    added = ops.where(union > 1, added, 1.0)
    return ops.where(target, 1 / ops.maximum(union, 1.0), added)
