"""Base of losses of labels and scores: checks, void, logits or probabilities, class weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from scmnet_zoo.data.labels import VOID
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import BatchLoss

# Probabilities are clipped at this value before a logarithm. It is Keras's epsilon and about the
# spacing of float32 numbers near 1.
FLOOR = 1e-7


class PixelLoss(BatchLoss):
    """A loss of labels (batch, height, width) and scores (batch, height, width, classes).

    A subclass defines `value(target, valid, scores)`: `target` (batch, height, width, classes) is
    true at each pixel's class and nowhere at void, `valid` (batch, height, width) is false at void.
    """

    def __init__(self, class_weights: Sequence[float] | None, from_logits: bool, name: str) -> None:
        super().__init__(name)
        self.class_weights: list[float] | None = _checked_class_weights(class_weights)
        self.from_logits: bool = bool(from_logits)

    def value(self, target: Tensor, valid: Tensor, scores: Tensor) -> Tensor:
        raise NotImplementedError

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        labels, scores = _labels_and_scores(y_true, y_pred)
        classes = scores.shape[-1]
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ValueError(
                f"Expected a weight for each of {classes} classes. "
                f"Received: class_weights={self.class_weights}"
            )
        target = labels[..., None] == ops.arange(classes, dtype="int32")
        valid = ops.any(target, axis=-1)
        known = ops.all(ops.logical_or(valid, labels == VOID))
        # A compiled step cannot raise. NaN shows invalid labels, which as void would go unnoticed.
        # A constant has gradient 0, so the weights do not change.
        return ops.where(known, self.value(target, valid, scores), float("nan"))

    def log_probability(self, scores: Tensor, target: Tensor) -> Tensor:
        """Log-probability of each pixel's class, (batch, height, width); 0 at void."""
        values, norm = self.log_values(scores)
        found = at_label(values, target) - norm
        return ops.where(ops.any(target, axis=-1), found, 0.0)

    def log_values(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities as values (batch, height, width, classes) minus a norm (batch, height,
        width).

        Sums over classes then need no array of all log-probabilities, which XLA would store.
        """
        if not self.from_logits:
            values = ops.log(ops.maximum(scores, FLOOR))
            return values, ops.zeros_like(values[..., 0])
        values = scores - ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
        return values, ops.log(ops.sum(ops.exp(values), axis=-1))

    def probabilities(self, scores: Tensor) -> Tensor:
        """Probabilities, (batch, height, width, classes)."""
        return ops.softmax(scores, axis=-1) if self.from_logits else scores

    def pixel_weights(self, target: Tensor, valid: Tensor) -> Tensor:
        """The class weight of each pixel, (batch, height, width); 0 at void."""
        if self.class_weights is None:
            return ops.cast(valid, "float32")
        return at_label(ops.array(self.class_weights, dtype="float32"), target)

    def mean_of_classes(self, losses: Tensor, counted: Tensor) -> Tensor:
        """The weighted mean of losses (classes,) over the counted classes."""
        weights = ops.cast(counted, "float32")
        if self.class_weights is not None:
            weights = weights * ops.array(self.class_weights, dtype="float32")
        return weighted_mean(losses, weights)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_weights": self.class_weights,
            "from_logits": self.from_logits,
        }


def at_label(values: Tensor, target: Tensor) -> Tensor:
    """The value at each pixel's class, from values (..., classes); 0 at void."""
    return ops.sum(ops.where(target, values, 0.0), axis=-1)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of values; 0 if all weights are 0."""
    total = ops.sum(weights)
    return ops.sum(values * weights) / ops.where(total > 0, total, 1.0)


def _labels_and_scores(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    labels, scores = ops.cast(y_true, "int32"), ops.cast(y_pred, "float32")
    if len(labels.shape) == 4 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, axis=-1)
    shapes = f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
    if (len(labels.shape), len(scores.shape)) != (3, 4) or not _agree(labels.shape, scores.shape):
        raise ValueError(
            "Expected labels (batch, height, width) and scores (batch, height, width, classes) of "
            f"the same batch, height and width. Received: {shapes}"
        )
    if scores.shape[-1] is None or not 1 <= scores.shape[-1] <= VOID:
        raise ValueError(
            f"Expected 1 to {VOID} classes, as {VOID} is the label of void. Received: {shapes}"
        )
    return labels, scores


def _agree(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Whether batch, height and width agree; in a `tf.function` some may be unknown."""
    pairs = zip(tuple(shape)[:3], tuple(other)[:3], strict=True)
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _checked_class_weights(class_weights: Sequence[float] | None) -> list[float] | None:
    if class_weights is None:
        return None
    try:
        weights = np.asarray(class_weights, dtype="float64")
    except (TypeError, ValueError):  # e.g. a dict or a string
        weights = np.array(np.nan)
    if weights.ndim != 1 or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            "Expected class_weights as a sequence of finite numbers from 0 up, one for each class. "
            f"Received: class_weights={class_weights}"
        )
    return [float(weight) for weight in weights]
