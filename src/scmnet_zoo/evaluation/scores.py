"""The scores of an evaluation, by class name."""

from dataclasses import dataclass, field

from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.metrics import ConfusionMatrix, InstanceHits
from scmnet_zoo.metrics.confusion import mean


@dataclass(frozen=True)
class Scores:
    """The scores of an evaluation, as fractions; NaN if nothing was counted.

    Attributes:
        space: the classes of the dataset.
        matrix: confusion matrix over all frames.
        instances: weighted counts for nIoU; None if the dataset has no instances.
        left_out: classes that the network does not know; their pixels are not counted.
        frames: number of frames.
        warnings: reasons to doubt the scores, a line each.
        seen: number of frames per input size (height, width), the most frequent first.
    """

    space: LabelSpace
    matrix: ConfusionMatrix
    instances: InstanceHits | None
    left_out: tuple[str, ...]
    frames: int
    warnings: tuple[str, ...] = ()
    seen: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        """Whether any pixel had a label."""
        return bool(self.matrix.counts.sum() + self.matrix.missed.sum())

    def iou(self) -> dict[str, float]:
        """IoU by class."""
        return dict(zip(self.space.classes, self.matrix.iou().tolist(), strict=True))

    def category_iou(self) -> dict[str, float]:
        """IoU by category."""
        return self.matrix.category_iou([label.category for label in self.space.labels])

    def niou(self) -> dict[str, float]:
        """nIoU by class; NaN for classes without instances."""
        if self.instances is None:
            return dict.fromkeys(self.space.classes, float("nan"))
        scores = self.instances.iou(self.matrix).tolist()
        return dict(zip(self.space.classes, scores, strict=True))

    def category_niou(self) -> dict[str, float]:
        """nIoU by category; NaN for categories without instances."""
        if self.instances is None:
            return dict.fromkeys(self.space.categories, float("nan"))
        return self.instances.category_iou(self.matrix)

    def means(self) -> dict[str, float]:
        """Means over what occurs: `"miou"`, `"category_miou"`, `"niou"`, `"category_niou"`."""
        return {
            "miou": mean(self.iou().values()),
            "category_miou": mean(self.category_iou().values()),
            "niou": mean(self.niou().values()),
            "category_niou": mean(self.category_niou().values()),
        }

    def mean_iou(self) -> float:
        """The mean IoU over the classes that occur."""
        return self.matrix.mean_iou()

    def pixel_accuracy(self) -> float:
        """Share of correct pixels."""
        return self.matrix.pixel_accuracy()
