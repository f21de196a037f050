"""A confusion matrix over frames, and the scores read from it."""

import numpy as np

from scmnet_zoo.data.labels import VOID


class ConfusionMatrix:
    """Counts of (label, prediction) pairs in int64, void labels left out.

    One matrix over all frames, as Cityscapes (arXiv 1604.01685, section 4.1) and the CamVid
    literature count; not a mean over frames.

    Args:
        classes: number of classes.

    Attributes:
        counts: int64 (classes, classes), rows are labels, columns predictions.
    """

    def __init__(self, classes: int):
        self.counts = np.zeros((classes, classes), np.int64)

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Count the pixels of a frame; both arrays whole numbers of the same shape.

        Raises:
            ValueError: the shapes differ, or an id is neither a class nor (in labels) 255.
        """
        if labels.shape != predictions.shape:
            raise ValueError(
                "Expected labels and predictions of the same shape. "
                f"Received: {labels.shape} and {predictions.shape}"
            )
        classes = len(self.counts)
        valid = labels != VOID
        labels, predictions = labels[valid].astype(np.int64), predictions[valid].astype(np.int64)
        for name, ids in (("labels", labels), ("predictions", predictions)):
            if ids.size and (ids.min() < 0 or ids.max() >= classes):
                raise ValueError(
                    f"Expected {name} in 0..{classes - 1}. "
                    f"Received: values from {ids.min()} to {ids.max()}"
                )
        pairs = np.bincount(classes * labels + predictions, minlength=classes**2)
        self.counts += pairs.reshape(classes, classes)

    def iou(self) -> np.ndarray:
        """Intersection over union of each class, float64 (classes,); NaN where it never occurs."""
        hits = np.diag(self.counts)
        union = self.counts.sum(0) + self.counts.sum(1) - hits
        with np.errstate(invalid="ignore"):
            return hits / union

    def mean_iou(self) -> float:
        """The mean IoU over the classes that occur."""
        return float(np.nanmean(self.iou()))

    def pixel_accuracy(self) -> float:
        """The share of pixels that are right."""
        return float(np.diag(self.counts).sum() / self.counts.sum())
