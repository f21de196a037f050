"""Cross-entropy over pixels."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import PixelLoss, at_label, weighted_mean


@register
class CrossEntropy(PixelLoss):
    """Cross-entropy over the pixels that are not void, with class weights.

    The sum over pixels of `weight[label] * -log p(label)`, divided by the sum of the weights.
    With label smoothing s the target is `1 - s` on the label and `s / classes` on every class.

    Args:
        class_weights: one weight per class, or None for all 1.
        label_smoothing: in [0, 1).
        from_logits: whether the scores are logits; False for probabilities, which are clipped at
            1e-7.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), integers 0..classes-1 or
    255 for void; scores (batch, height, width, classes). Returns one float32 number: 0 if all
    pixels are void, NaN with gradient 0 if a label is invalid.

    Raises:
        ValueError: an argument is out of range; when called, shapes do not fit, the number of class
            weights is not that of the classes, or there are sample weights.

    Source: label smoothing as in Szegedy et al. 2016, arXiv 1512.00567, section 7.

    Example:

    >>> labels = keras.ops.array([[[0, 1, 255]]])
    >>> logits = keras.ops.zeros((1, 1, 3, 4))
    >>> round(float(CrossEntropy()(labels, logits)), 4)  # log(4)
    1.3863
    """

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        *,
        from_logits: bool = True,
        name: str = "cross_entropy",
    ) -> None:
        super().__init__(class_weights, from_logits, name)
        if not is_number(label_smoothing) or not 0 <= label_smoothing < 1:
            raise ValueError(
                "Expected label_smoothing from 0 up to, not including, 1. "
                f"Received: label_smoothing={label_smoothing!r}"
            )
        self.label_smoothing: float = label_smoothing

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        values, norm = self.log_values(scores)
        losses = norm - at_label(values, target)
        if self.label_smoothing:
            uniform = norm - ops.mean(values, axis=-1)
            losses = (1 - self.label_smoothing) * losses + self.label_smoothing * uniform
        losses = ops.where(valid, losses, 0.0)  # scores at void may be NaN
        return weighted_mean(losses, self.pixel_weights(target, valid))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
