"""The loss of a student's logits against a teacher's probabilities that came with the frames."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from scmnet_zoo.losses._pixel_loss import weighted_mean
from scmnet_zoo.losses.with_auxiliary import MAIN


class Distillation:
    """Cross-entropy to a teacher's probabilities, at every second row and column.

    The mean over the pixels that the teacher has seen. A pixel weighs as much as its classes do,
    each by its probability.

    Args:
        weight: of this loss beside the recipe's others.
        auxiliary: weight of the same loss over each auxiliary head, relative to the main one.
        class_weights: a number for each class, or None for all 1.

    Source: Hinton et al. 2015, arXiv 1503.02531, section 2.
    """

    def __init__(
        self, weight: float, auxiliary: float = 0.0, class_weights: Sequence[float] | None = None
    ):
        self.weight = weight
        self.auxiliary = auxiliary
        self.class_weights = None if class_weights is None else np.array(class_weights, "float32")

    def __call__(self, probabilities, logits):
        """The weighted loss.

        Args:
            probabilities: float32 (batch, rows, columns, classes), 0 throughout where the teacher
                has not seen a pixel; of every second row and column of the logits, from the first.
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
        # The probabilities of a pixel may add up to less than 1, which the losses hold already.
        seen = ops.maximum(ops.sum(probabilities, axis=-1), 1e-6)
        return weighted_mean(losses / seen, weights)
