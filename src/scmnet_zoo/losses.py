"""Losses over pixels, void left out."""

import keras
from keras import ops

from scmnet_zoo.data.labels import VOID


class CrossEntropy(keras.losses.Loss):
    """Cross-entropy of logits over the pixels that are not void, weighted by class.

    The sum over pixels of `weight[label] * -log p(label)`, divided by the sum of the weights;
    0 where every pixel is void. With label smoothing s the target is `1 - s` on the label and
    `s / classes` on every class.

    Args:
        class_weights: one number for each class, or None for all 1.
        label_smoothing: from 0 up to, not including, 1.

    Shapes: labels (batch, height, width), whole numbers 0..classes-1 and 255 for void; logits
    (batch, height, width, classes).

    Raises:
        ValueError: `label_smoothing` is out of range.
    """

    def __init__(self, class_weights=None, label_smoothing=0.0, name="cross_entropy"):
        super().__init__(name=name, reduction=None)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "Expected label_smoothing from 0 up to, not including, 1. "
                f"Received: label_smoothing={label_smoothing}"
            )
        self.class_weights = None if class_weights is None else [float(w) for w in class_weights]
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        labels = ops.cast(y_true, "int32")
        valid = labels != VOID
        labels = ops.where(valid, labels, 0)
        logits = ops.cast(y_pred, "float32")
        log_total = ops.logsumexp(logits, axis=-1)
        chosen = ops.one_hot(labels, logits.shape[-1], dtype="float32")
        log_label = ops.sum(logits * chosen, axis=-1) - log_total
        log_mean = ops.mean(logits, axis=-1) - log_total
        losses = -(1 - self.label_smoothing) * log_label - self.label_smoothing * log_mean
        weights = ops.cast(valid, "float32")
        if self.class_weights is not None:
            weights = weights * ops.sum(chosen * ops.array(self.class_weights), axis=-1)
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1e-6)
