"""A confusion matrix over frames, and its scores."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from scmnet_zoo.data.labels import VOID


class ConfusionMatrix:
    """Counts of (label, prediction) pairs in int64, without void labels.

    One matrix over all frames, as in Cityscapes (arXiv 1604.01685, section 4.1) and the CamVid
    literature. A pixel predicted as void is a false negative of its label's class.

    Args:
        classes: number of classes, at most 255, as 255 is the label of void.

    Attributes:
        counts: int64 (classes, classes), rows are labels, columns predictions.
        missed: int64 (classes,), pixels of each class that were predicted as void.

    Raises:
        ValueError: more than 255 classes.
    """

    def __init__(self, classes: int):
        if classes > VOID:
            raise ValueError(
                f"Expected at most {VOID} classes, as {VOID} is the label of void. "
                f"Received: classes={classes}"
            )
        self.counts: np.ndarray = np.zeros((classes, classes), np.int64)
        self.missed: np.ndarray = np.zeros(classes, np.int64)

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Count the pixels of a frame; both arrays are integers of the same shape.

        Raises:
            ValueError: the shapes differ, or an id is neither a class nor 255.
        """
        if labels.shape != predictions.shape:
            raise ValueError(
                "Expected labels and predictions of the same shape. "
                f"Received: {labels.shape} and {predictions.shape}"
            )
        classes = len(self.counts)
        valid = labels != VOID
        labels, predictions = labels[valid].astype(np.int64), predictions[valid].astype(np.int64)
        missed = predictions == VOID
        for name, ids in (("labels", labels), ("predictions", predictions[~missed])):
            if ids.size and (ids.min() < 0 or ids.max() >= classes):
                raise ValueError(
                    f"Expected {name} in 0..{classes - 1} or {VOID}. "
                    f"Received: values from {ids.min()} to {ids.max()}"
                )
        predictions[missed] = classes
        width = classes + 1
        pairs = np.bincount(width * labels + predictions, minlength=classes * width)
        pairs = pairs.reshape(classes, width)
        self.counts += pairs[:, :classes]
        self.missed += pairs[:, classes]

    def iou(self) -> np.ndarray:
        """IoU of each class, float64 (classes,); NaN for classes that never occur."""
        hits = np.diag(self.counts)
        return ratio(hits, self.counts.sum(0) + self.counts.sum(1) + self.missed - hits)

    def category_iou(self, categories: Sequence[str]) -> dict[str, float]:
        """IoU of each category; confusions within a category count as correct.

        Args:
            categories: one per class, e.g. `[label.category for label in space.labels]`.

        Returns:
            IoU by category, in the order of their first class; NaN for those that never occur.
        """
        grouped = self.grouped(categories)
        return dict(zip(dict.fromkeys(categories), grouped.iou().tolist(), strict=True))

    def grouped(self, categories: Sequence[str]) -> "ConfusionMatrix":
        """The confusion matrix of the categories, in the order of their first class.

        Raises:
            ValueError: the number of categories is not that of the classes.
        """
        if len(categories) != len(self.counts):
            raise ValueError(
                f"Expected a category for each of {len(self.counts)} classes. "
                f"Received: {len(categories)}"
            )
        names = list(dict.fromkeys(categories))
        member = np.array([[name == other for other in categories] for name in names], np.int64)
        grouped = ConfusionMatrix(len(names))
        grouped.counts = member @ self.counts @ member.T
        grouped.missed = member @ self.missed
        return grouped

    def false_positives(self) -> np.ndarray:
        """Number of pixels of other classes predicted as each class, int64 (classes,)."""
        return self.counts.sum(0) - np.diag(self.counts)

    def mean_iou(self) -> float:
        """Mean IoU of the classes that occur; NaN if none does."""
        return mean(self.iou())

    def pixel_accuracy(self) -> float:
        """Share of correct pixels; NaN if no pixel is counted."""
        total = self.counts.sum() + self.missed.sum()
        return float(ratio(np.diag(self.counts).sum(), total))


def ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """`part / whole` in float64; NaN where both are 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(part, whole, dtype=np.float64)


def mean(scores: Iterable[float]) -> float:
    """The mean of the numbers that are not NaN; NaN if there are none."""
    values = np.asarray(list(scores), np.float64)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
