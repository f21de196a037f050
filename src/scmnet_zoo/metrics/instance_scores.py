"""A Keras metric of nIoU, the IoU with pixels weighted by instance size."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.metrics import _counting
from scmnet_zoo.metrics.segmentation_scores import (
    classes_and_categories,
    guarded,
    named,
    update_counts,
)

SAME, RELATED, OTHER = range(3)  # predicted as the class, as one of its category, as another


@register
class InstanceScores(keras.metrics.Metric):
    """nIoU of classes and categories for `compile`, ignoring void.

    The weights are those of `instance_weights`, passed as `sample_weight`; list the metric under
    `weighted_metrics`. Only true positives and false negatives are weighted (arXiv 1604.01685,
    section 4.1). Sums are exact for batches of up to 2**25 pixels (16 frames of 1024x2048).

    Args:
        classes: a `LabelSpace`, or the names of the classes in the order of the training ids.
        instance_classes: names of the classes with instances, or None for those that have a mean
            size in the `LabelSpace`.
        categories: the category of each class, or None for those of the `LabelSpace`; without
            either there is no nIoU of categories. Only categories whose classes all have instances
            are scored.
        per_class: also report the nIoU of each class and category.
        name: name of the metric; entries of `result()` have other names.
        dtype: dtype of Keras metrics; sums are integers, scores float32.

    Shapes: labels and scores as `SegmentationScores` takes them; sample weights (batch, height,
    width) or (batch, height, width, 1), from 0 up, 0 where a pixel belongs to no instance.

    `result()` is a dict of scalars: `"niou"`, `"category_niou"`, and with `per_class`
    `"niou_person"`, ... and `"category_niou_human"`, .... NaN as in `SegmentationScores`.

    Raises:
        ValueError: unknown or no classes with instances, more than 255 classes, not one category
            for each class, other shapes, or no sample weights.

    Example:

    >>> model.compile(loss=loss, weighted_metrics=[InstanceScores(CITYSCAPES)])
    >>> model.evaluate(images, labels, sample_weight=weights)
    """

    def __init__(
        self,
        classes: LabelSpace | Sequence[str],
        instance_classes: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        per_class: bool = False,
        name: str = "instance_scores",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if instance_classes is None and isinstance(classes, LabelSpace):
            instance_classes = [n.name for n in classes.labels if n.instance_size is not None]
        self.classes: tuple[str, ...]
        self.categories: tuple[str, ...] | None
        self.classes, self.categories = classes_and_categories(classes, categories)
        self.instance_classes: tuple[str, ...] = tuple(instance_classes or ())
        if not self.instance_classes or not set(self.instance_classes) <= set(self.classes):
            raise ValueError(
                f"Expected classes with instances among {', '.join(self.classes)}. "
                f"Received: instance_classes={instance_classes!r}"
            )
        self.per_class = per_class
        self._places = [self.classes.index(name) for name in self.instance_classes]
        shape = (2, len(self.classes), len(self.classes))
        self.counts: keras.Variable = self.add_variable(shape, "zeros", dtype="int", name="counts")
        digits = (2, len(self._places) * 3, len(_counting.UNITS), 2)
        self.sums: keras.Variable = self.add_variable(digits, "zeros", dtype="int", name="sums")
        self.unknown: keras.Variable = self.add_variable((), "zeros", dtype="int", name="unknown")

    def update_state(
        self, y_true: Tensor, y_pred: Any, sample_weight: Tensor | None = None
    ) -> None:
        if sample_weight is None:
            raise ValueError(
                "Expected the weights of the instances as sample_weight; list this metric under "
                "weighted_metrics. Received: none"
            )
        classes = len(self.classes)
        labels, predictions = _counting.labels_and_predictions(y_true, y_pred, classes)
        update_counts(self.counts, self.unknown, labels, predictions, classes)
        weights = _counting.pixels(sample_weight, predictions[..., None], "float32")
        valid = _counting.is_class(labels, classes)
        # Index of the sum of each (label, prediction) pair; the last if there are no instances.
        codes = np.full((classes, classes), 3 * len(self._places), np.int32)
        for order, place in enumerate(self._places):
            codes[place] = 3 * order + OTHER
            if self.categories is not None:
                alike = [category == self.categories[place] for category in self.categories]
                codes[place, alike] = 3 * order + RELATED
            codes[place, place] = 3 * order + SAME
        pairs = ops.where(valid, classes * labels + predictions, 0)
        found = ops.take(ops.convert_to_tensor(codes.reshape(-1)), pairs)
        counted = ops.logical_and(valid, found < 3 * len(self._places))
        digits = _counting.sum_digits(weights, found, counted, 3 * len(self._places))
        _counting.add(self.sums, digits)

    def result(self) -> dict[str, Tensor]:
        sums = _counting.digits_to_float(_counting.to_float(self.sums))
        sums = ops.reshape(sums, (len(self._places), 3))
        totals = ops.sum(sums, axis=1)
        counts = _counting.to_float(self.counts)
        off_diagonal = ops.where(np.eye(len(self.classes), dtype=bool), 0.0, counts)
        wrong = ops.take(ops.sum(off_diagonal, axis=0), np.array(self._places), axis=0)
        scores = _counting.ratio(sums[:, SAME], totals + wrong)
        results = {"niou": _counting.mean(scores)}
        by_name = named("niou", self.instance_classes, scores)
        names = self._instance_categories()
        if self.categories is not None and names:
            members = _counting.membership(self.categories, names)
            outside = ~members[:, :, None] & members[:, None, :]
            wrong = ops.sum(ops.where(outside, counts[None], 0.0), axis=(1, 2))
            inside = members[:, self._places]
            hits = _counting.group(sums[:, SAME] + sums[:, RELATED], inside, 0)
            scores = _counting.ratio(hits, _counting.group(totals, inside, 0) + wrong)
            results["category_niou"] = _counting.mean(scores)
            by_name |= named("category_niou", names, scores)
        return guarded(results | (by_name if self.per_class else {}), self.unknown)

    def _instance_categories(self) -> tuple[str, ...]:
        """The categories all of whose classes have instances."""
        if self.categories is None:
            return ()
        pairs = list(zip(self.classes, self.categories, strict=True))
        without = {category for name, category in pairs if name not in self.instance_classes}
        return tuple(name for name in dict.fromkeys(self.categories) if name not in without)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": list(self.classes),
            "instance_classes": list(self.instance_classes),
            "categories": None if self.categories is None else list(self.categories),
            "per_class": self.per_class,
        }
