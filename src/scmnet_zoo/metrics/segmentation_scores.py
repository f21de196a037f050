"""A Keras metric of mIoU, category IoU and pixel accuracy."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from scmnet_zoo.data.labels import VOID, LabelSpace
from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.metrics import _counting
from scmnet_zoo.metrics.confusion import ConfusionMatrix


@register
class SegmentationScores(keras.metrics.Metric):
    """mIoU, category IoU and pixel accuracy for `compile`, ignoring void.

    Counts all pixels since the last reset in one confusion matrix (arXiv 1604.01685, section
    4.1). The counts are exact on every backend and do not overflow; a batch may have up to 2**30
    pixels.

    Args:
        classes: a `LabelSpace`, or the names of the classes in the order of the training ids.
        categories: the category of each class, or None for those of the `LabelSpace`; without
            either there is no category IoU.
        per_class: also report the IoU of each class and category.
        name: name of the metric; entries of `result()` have other names.
        dtype: dtype of Keras metrics; counts are integers, scores float32.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), whole numbers, 255 for
    void; scores (batch, height, width, classes), logits or probabilities, or a dict with such
    under `"main"`, as networks with auxiliary heads give.

    `result()` is a dict of scalars, in `fit` and `evaluate` an entry of the logs each:
    `"miou"`, `"category_miou"`, `"pixel_accuracy"`, and with `per_class` `"iou_road"`, ... and
    `"category_iou_flat"`, ..., with underscores for spaces. Means leave out classes that never
    occurred, whose scores are NaN. All scores are NaN after a label that is neither a class nor
    255, e.g. an id that was not converted to a training id.

    Raises:
        ValueError: no classes, more than 255, not one category for each, other shapes, or sample
            weights.

    Example:

    >>> from scmnet_zoo.data import CAMVID
    >>> model.compile(loss=loss, metrics=[SegmentationScores(CAMVID)])
    """

    def __init__(
        self,
        classes: LabelSpace | Sequence[str],
        categories: Sequence[str] | None = None,
        per_class: bool = False,
        name: str = "segmentation_scores",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.classes: tuple[str, ...]
        self.categories: tuple[str, ...] | None
        self.classes, self.categories = classes_and_categories(classes, categories)
        self.per_class = per_class
        shape = (2, len(self.classes), len(self.classes))
        self.counts: keras.Variable = self.add_variable(shape, "zeros", dtype="int", name="counts")
        self.unknown: keras.Variable = self.add_variable((), "zeros", dtype="int", name="unknown")

    def update_state(
        self, y_true: Tensor, y_pred: Any, sample_weight: Tensor | None = None
    ) -> None:
        if sample_weight is not None:
            raise ValueError(
                "Expected no sample_weight: list this metric under metrics, not weighted_metrics"
            )
        classes = len(self.classes)
        labels, predictions = _counting.labels_and_predictions(y_true, y_pred, classes)
        update_counts(self.counts, self.unknown, labels, predictions, classes)

    def result(self) -> dict[str, Tensor]:
        counts = _counting.to_float(self.counts)
        scores = iou(counts)
        hits = ops.sum(ops.diagonal(counts))
        results = {"miou": _counting.mean(scores)}
        by_name = named("iou", self.classes, scores)
        if self.categories is not None:
            names = tuple(dict.fromkeys(self.categories))
            members = _counting.membership(self.categories, names)
            scores = iou(_counting.group(_counting.group(counts, members, 0), members, 1))
            results["category_miou"] = _counting.mean(scores)
            by_name |= named("category_iou", names, scores)
        results["pixel_accuracy"] = _counting.ratio(hits, ops.sum(counts))
        return guarded(results | (by_name if self.per_class else {}), self.unknown)

    def confusion_matrix(self) -> ConfusionMatrix:
        """The exact counts in NumPy int64; not for use inside a compiled function."""
        matrix = ConfusionMatrix(len(self.classes))
        matrix.counts = _counting.to_int64(self.counts)
        return matrix

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "classes": list(self.classes),
            "categories": None if self.categories is None else list(self.categories),
            "per_class": self.per_class,
        }


def classes_and_categories(
    classes: LabelSpace | Sequence[str], categories: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Names of the classes, and the category of each if known.

    Raises:
        ValueError: no classes, more than 255, or not one category for each.
    """
    if isinstance(classes, LabelSpace):
        if categories is None:
            categories = [label.category for label in classes.labels]
        classes = classes.classes
    names = list(classes) if isinstance(classes, list | tuple) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"Expected a LabelSpace or names of classes. Received: classes={classes!r}"
        )
    if len(names) > VOID:
        raise ValueError(
            f"Expected at most {VOID} classes, as {VOID} is the label of void. "
            f"Received: {len(names)} names"
        )
    if categories is not None and len(categories) != len(names):
        raise ValueError(
            f"Expected a category for each of {len(names)} classes. Received: {len(categories)}"
        )
    return tuple(names), None if categories is None else tuple(categories)


def update_counts(
    counts: keras.Variable,
    unknown: keras.Variable,
    labels: Tensor,
    predictions: Tensor,
    classes: int,
) -> None:
    """Add the pixels of a batch to a variable of (label, prediction) pairs."""
    pairs = _counting.count(
        classes * labels + predictions, _counting.is_class(labels, classes), classes**2
    )
    _counting.add(counts, ops.reshape(pairs, (classes, classes)))
    flag = ops.cast(_counting.is_unknown(labels, classes), unknown.dtype)
    unknown.assign(ops.maximum(unknown.value, flag))


def iou(counts: Tensor) -> Tensor:
    """IoU of each class from counts, floats (classes, classes)."""
    hits = ops.diagonal(counts)
    return _counting.ratio(hits, ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - hits)


def named(prefix: str, names: Sequence[str], scores: Tensor) -> dict[str, Tensor]:
    """Scalars by name, PREFIX_CLASS with underscores for spaces."""
    return {f"{prefix}_{n.replace(' ', '_')}": scores[i] for i, n in enumerate(names)}


def guarded(results: dict[str, Tensor], unknown: keras.Variable) -> dict[str, Tensor]:
    """Replace all scores by NaN if a label was neither a class nor void."""
    bad = ops.cast(unknown, "int32") > 0
    return {name: ops.where(bad, float("nan"), value) for name, value in results.items()}
