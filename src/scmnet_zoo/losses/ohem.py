"""Cross-entropy over the hard pixels of a batch (OHEM)."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import PixelLoss, weighted_mean


@register
class OhemCrossEntropy(PixelLoss):
    """Cross-entropy with online hard example mining: easy pixels are ignored.

    A pixel is hard if the probability of its class is below `threshold`. At least the share
    `min_kept` of the valid pixels (rounded up) is kept, those of the lowest probability, with all
    ties of the last one, so the choice does not depend on an order. Class weights do not affect the
    choice, only the mean over kept pixels.

    Args:
        threshold: probability of the label below which a pixel is kept, 0 to 1.
        min_kept: minimum share of the valid pixels of the batch to keep, 0 to 1.
        class_weights: one weight per class, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities, which are clipped at
            1e-7.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), integers 0..classes-1 or
    255 for void; scores (batch, height, width, classes). Returns one float32 number: 0 if no
    pixel is kept, NaN with gradient 0 if a label is invalid.

    Raises:
        ValueError: an argument is out of range; when called, shapes do not fit, the number of class
            weights is not that of the classes, or there are sample weights.

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
        threshold: float = 0.7,
        min_kept: float = 1 / 16,
        class_weights: Sequence[float] | None = None,
        *,
        from_logits: bool = True,
        name: str = "ohem_cross_entropy",
    ) -> None:
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
        self.threshold: float = threshold
        self.min_kept: float = min_kept

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        log_p = self.log_probability(scores, target)
        kept = ops.cast(self._kept(log_p, valid), "float32")
        return weighted_mean(-log_p, kept * self.pixel_weights(target, valid))

    def _kept(self, log_p, valid):
        """Whether each pixel is kept, from the log-probability of its class."""
        log_p = ops.stop_gradient(log_p)
        count = ops.cast(ops.sum(ops.cast(valid, "int32")), "float32")
        # Reduced by a millionth, so that float32 rounding does not raise a whole number.
        least = ops.cast(ops.ceil(self.min_kept * count * (1 - 1e-6)), "int32")
        ordered = ops.sort(ops.reshape(log_p, (-1,)))  # void has 0 and is last
        last = ops.take(ordered, ops.maximum(least - 1, 0))
        last = ops.where(least > 0, last, -math.inf)
        limit = math.log(self.threshold) if self.threshold else -math.inf
        return ops.logical_and(valid, ops.logical_or(log_p < limit, log_p <= last))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "min_kept": self.min_kept,
        }
