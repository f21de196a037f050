"""Knowledge distillation from probabilities that were computed before training."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._pixel_loss import weighted_mean
from scmnet_zoo.losses.with_auxiliary import MAIN


class Distillation:
    """Cross-entropy to a teacher's probabilities, at every second row and column.

    The mean over the pixels with probabilities. The weight of a pixel is the mean of the class
    weights under the teacher's probabilities.

    Args:
        weight: factor of this loss in the total.
        auxiliary: weight of the same loss on each auxiliary output, relative to the main one.
        class_weights: a number for each class, or None for all 1.

    Source: Hinton et al. 2015, arXiv 1503.02531, section 2.
    """

    def __init__(
        self, weight: float, auxiliary: float = 0.0, class_weights: Sequence[float] | None = None
    ):
        self.weight = weight
        self.auxiliary = auxiliary
        self.class_weights: np.ndarray | None = (
            None if class_weights is None else np.array(class_weights, "float32")
        )

    def __call__(self, probabilities: Tensor, logits: Tensor | dict[str, Tensor]) -> Tensor:
        """The weighted loss.

        Args:
            probabilities: float32 (batch, rows, columns, classes), at every second row and column
                of the logits, from the first; all 0 at pixels without a prediction.
            logits: (batch, height, width, classes), or a dict of those with `"main"` among them.
        """
        if not isinstance(logits, dict):
            return self.weight * self._of(probabilities, logits)
        total = self._of(probabilities, logits[MAIN])
        if self.auxiliary:
            others = [self._of(probabilities, logits[name]) for name in logits if name != MAIN]
            total = total + self.auxiliary * sum(others)
        return self.weight * total

    def _of(self, probabilities, logits):
        values = ops.log_softmax(ops.cast(logits[:, ::2, ::2], "float32"), axis=-1)
        losses = -ops.sum(probabilities * values, axis=-1)
        weights = ops.sum(probabilities, axis=-1)
        if self.class_weights is not None:
            weights = ops.sum(probabilities * self.class_weights, axis=-1)
        # Probabilities of a pixel may sum to less than 1; the sum is already a factor of the loss.
        seen = ops.maximum(ops.sum(probabilities, axis=-1), 1e-6)
        return weighted_mean(losses / seen, weights)
