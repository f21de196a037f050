"""nIoU, the IoU with pixels weighted by instance size, in NumPy.

Source: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding",
arXiv 1604.01685, section 4.1 (there iIoU). The weight of a pixel is the mean instance size of
its class divided by the size of its instance, so that small instances count as much as large ones.
False positives belong to no instance and are not weighted.
"""

import numpy as np

from scmnet_zoo.data.labels import VOID, LabelSpace
from scmnet_zoo.metrics.confusion import ConfusionMatrix, ratio

BASE = 1000  # id of an instance = BASE * id of the class + number of the instance


def instance_weights(instances: np.ndarray, space: LabelSpace) -> np.ndarray:
    """The weight of each pixel for nIoU.

    Args:
        instances: integers (height, width) as in Cityscapes' instanceIds.png: an id of
            `space.ids`, or 1000 times it plus the number of the instance.
        space: classes, with the mean size of their instances.

    Returns:
        float32 (height, width): mean instance size of the class divided by the size of the
        instance; 0 outside instances, in groups such as a crowd, and in classes without instances.

    Raises:
        ValueError: not whole numbers (height, width).
    """
    weights = np.zeros(instances.shape, np.float32)
    for _, mask, weight in _instances(instances, space):
        weights[mask] = weight
    return weights


def instance_categories(space: LabelSpace) -> tuple[str, ...]:
    """Categories whose classes all have instances: human and vehicle of Cityscapes."""
    return tuple(
        category
        for category in space.categories
        if all(
            label.instance_size is not None for label in space.labels if label.category == category
        )
    )


class InstanceHits:
    """Weighted true positives and false negatives over frames, in float64.

    Args:
        space: classes, with categories and the mean size of their instances.

    Attributes:
        hits: (classes,), weighted pixels of a class's instances predicted as the class.
        related: (classes,), weighted pixels predicted as any class of the category.
        totals: (classes,), all weighted pixels of a class's instances.
    """

    def __init__(self, space: LabelSpace):
        self.space = space
        self.hits: np.ndarray
        self.related: np.ndarray
        self.totals: np.ndarray
        self.hits, self.related, self.totals = np.zeros((3, len(space.labels)))

    def update(self, instances: np.ndarray, predictions: np.ndarray) -> None:
        """Add a frame.

        Args:
            instances: as `instance_weights` takes them.
            predictions: training ids of the same shape, 255 for void.

        Raises:
            ValueError: the shapes differ, or a prediction is neither a class nor 255.
        """
        if instances.shape != predictions.shape:
            raise ValueError(
                "Expected instances and predictions of the same shape. "
                f"Received: {instances.shape} and {predictions.shape}"
            )
        classes = [label.category for label in self.space.labels]
        unknown = (predictions != VOID) & ((predictions < 0) | (predictions >= len(classes)))
        if unknown.any():
            raise ValueError(
                f"Expected predictions in 0..{len(classes) - 1} or {VOID}. "
                f"Received: {predictions[unknown].max()}"
            )
        for place, mask, weight in _instances(instances, self.space):
            counts = np.bincount(predictions[mask], minlength=VOID + 1)[: len(classes)]
            alike = [category == classes[place] for category in classes]
            self.hits[place] += weight * counts[place]
            self.related[place] += weight * counts[alike].sum()
            self.totals[place] += weight * np.count_nonzero(mask)

    def iou(self, matrix: ConfusionMatrix) -> np.ndarray:
        """nIoU of each class, float64 (classes,).

        Args:
            matrix: confusion matrix of the same frames, for the unweighted false positives.

        Returns:
            nIoU, NaN for classes without instances and those that never occur.
        """
        scores = ratio(self.hits, self.totals + matrix.false_positives())
        counted = [label.instance_size is not None for label in self.space.labels]
        return np.where(counted, scores, np.nan)

    def category_iou(self, matrix: ConfusionMatrix) -> dict[str, float]:
        """nIoU of each category; NaN unless all its classes have instances."""
        categories = [label.category for label in self.space.labels]
        grouped = matrix.grouped(categories).false_positives()
        counted = instance_categories(self.space)
        scores = {}
        for place, name in enumerate(self.space.categories):
            inside = [category == name for category in categories]
            whole = self.totals[inside].sum() + grouped[place]
            score = float(ratio(self.related[inside].sum(), whole))
            scores[name] = score if name in counted else float("nan")
        return scores


def _instances(instances: np.ndarray, space: LabelSpace):
    """Yield training id, mask and pixel weight of each instance."""
    if instances.ndim != 2 or instances.dtype.kind not in "ui":
        raise ValueError(
            "Expected instances as whole numbers (height, width). "
            f"Received: {instances.dtype} of shape {instances.shape}"
        )
    counted = {
        number: (place, label.instance_size)
        for place, (number, label) in enumerate(zip(space.ids, space.labels, strict=True))
        if label.instance_size is not None
    }
    ids, sizes = np.unique(instances[instances >= BASE], return_counts=True)
    for number, size in zip(ids.tolist(), sizes.tolist(), strict=True):
        if number // BASE in counted:
            place, mean_size = counted[number // BASE]
            yield place, instances == number, mean_size / size
