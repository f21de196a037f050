"""Focal loss."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import FLOOR, PixelLoss, weighted_mean


@register
class Focal(PixelLoss):
    """Focal loss: cross-entropy with lower weight for pixels that are classified well.

    The sum over pixels of `weight[label] * (1 - p)^gamma * -log p`, with p the probability of the
    label, divided by the sum of the weights (by the number of boxes in the paper). With gamma 0 it
    equals `CrossEntropy`.

    Args:
        gamma: 0 or more; larger values reduce the weight of easy pixels more.
        class_weights: one weight per class, the paper's alpha, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities, which are clipped at
            1e-7.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), integers 0..classes-1 or
    255 for void; scores (batch, height, width, classes). Returns one float32 number: 0 if all
    pixels are void, NaN with gradient 0 if a label is invalid.

    Raises:
        ValueError: an argument is out of range; when called, shapes do not fit, the number of class
            weights is not that of the classes, or there are sample weights.

    Source: Lin et al. 2017, arXiv 1708.02002, equation 4, with class weights equation 5; p is the
    softmax over the classes in place of the paper's sigmoid.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> logits = keras.ops.zeros((1, 1, 2, 2))
    >>> round(float(Focal(gamma=2)(labels, logits)), 4)  # log(2) / 4
    0.1733
    """

    def __init__(
        self,
        gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        *,
        from_logits: bool = True,
        name: str = "focal",
    ) -> None:
        super().__init__(class_weights, from_logits, name)
        if not is_number(gamma) or not 0 <= gamma < math.inf:
            raise ValueError(f"Expected a finite gamma from 0 up. Received: gamma={gamma!r}")
        self.gamma: float = float(gamma)

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        log_p = self.log_probability(scores, target)
        missing = ops.maximum(
            1 - ops.exp(log_p), FLOOR
        )  # powers below 1 have no finite gradient at 0
        losses = -ops.power(missing, self.gamma) * log_p
        return weighted_mean(losses, self.pixel_weights(target, valid))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma}
