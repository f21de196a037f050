"""Cross-entropy over the hard pixels of a batch."""

import math

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import PixelLoss, weighted_mean


@register
class OhemCrossEntropy(PixelLoss):
    """Cross-entropy with online hard example mining: easy pixels do not count.

    A pixel is hard where the probability of its class is below `threshold`. Where fewer than the
    share `min_kept` of the valid pixels (rounded up) are hard, as many are kept, those of the
    lowest probability. Pixels that tie with the last one kept are kept too, so what is kept does
    not depend on an order. The weights choose no pixels; they weight the mean over those kept.

    Args:
        threshold: probability of the right class below which every pixel is kept, 0 to 1.
        min_kept: least share of the batch's valid pixels to keep, 0 to 1. A share, as a number of
            pixels would mean something else with every size of crop and batch.
        class_weights: one number for each class, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities, which count as at
            least 1e-7 and have no gradient below that.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), whole numbers
    0..classes-1 and 255 for void; scores (batch, height, width, classes). One number, in float32:
    0 where no pixel is kept, NaN with gradient 0 where a label is none of these.

    Raises:
        ValueError: an argument is out of range; when called, shapes that do not fit, not as many
            weights as classes, or sample weights.

    Source: Shrivastava et al. 2016, arXiv 1604.03540, section 4, for regions; for pixels by a
    threshold and a least number Wu et al. 2016, arXiv 1605.06885. Threshold 0.7 and a sixteenth of
    the pixels are what public re-implementations of BiSeNet (Yu et al. 2018, arXiv 1808.00897) use.

    Example:

    >>> labels = keras.ops.array([[[0, 0]]])
    >>> probabilities = keras.ops.array([[[[0.9, 0.1], [0.5, 0.5]]]])
    >>> loss = OhemCrossEntropy(from_logits=False)
    >>> round(float(loss(labels, probabilities)), 4)  # log(2): of the second pixel alone
    0.6931
    """

    def __init__(
        self,
        threshold=0.7,
        min_kept=1 / 16,
        class_weights=None,
        *,
        from_logits=True,
        name="ohem_cross_entropy",
    ):
        super().__init__(class_weights, from_logits, name)
        if not is_number(threshold) or not 0 <= threshold <= 1:
            raise ValueError(
                f"Expected threshold, a probability, from 0 to 1. Received: threshold={threshold!r}"
            )
        if not is_number(min_kept) or not 0 <= min_kept <= 1:
            raise ValueError(
                "Expected min_kept, a share of the valid pixels, from 0 to 1. "
                f"Received: min_kept={min_kept!r}"
            )
        self.threshold = threshold
        self.min_kept = min_kept

    def value(self, target, valid, scores):
        log_p = self.log_probability(scores, target)
        kept = ops.cast(self._kept(log_p, valid), "float32")
        return weighted_mean(-log_p, kept * self.pixel_weights(target, valid))

    def _kept(self, log_p, valid):
        """Which pixels count, by the logarithm of the probability of their class."""
        log_p = ops.stop_gradient(log_p)
        count = ops.cast(ops.sum(ops.cast(valid, "int32")), "float32")
        # Less a millionth, so that a whole product stays itself in spite of float32's rounding.
        least = ops.cast(ops.ceil(self.min_kept * count * (1 - 1e-6)), "int32")
        ordered = ops.sort(ops.reshape(log_p, (-1,)))  # that of void, 0, is at the end
        last = ops.take(ordered, ops.maximum(least - 1, 0))
        last = ops.where(least > 0, last, -math.inf)
        limit = math.log(self.threshold) if self.threshold else -math.inf
        return ops.logical_and(valid, ops.logical_or(log_p < limit, log_p <= last))

    def get_config(self):
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "min_kept": self.min_kept,
        }
