"""Pictures of numbers, drawn without Matplotlib's global state."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scmnet_zoo.files import whole_file
from scmnet_zoo.fonts import set_fonts, shown_names
from scmnet_zoo.metrics import ConfusionMatrix

NUMBERED = 40  # classes up to which the cells hold numbers
DARK = 0.5  # share from which a number is white


def confusion_figure(matrix: ConfusionMatrix, classes: Sequence[str]) -> Figure:
    """The confusion matrix as a figure: of each label's pixels, the percentages by prediction.

    Args:
        matrix: what was counted.
        classes: names, one for each row; one whose letters no font has is shown as `class NUMBER`.

    Raises:
        ValueError: not one name for each class.
    """
    if len(classes) != len(matrix.counts):
        raise ValueError(
            f"Expected a name for each of {len(matrix.counts)} classes. Received: {len(classes)}"
        )
    counts = matrix.counts.astype(float)
    totals = counts.sum(axis=1, keepdims=True) + matrix.missed[:, None]
    shares = np.divide(counts, totals, where=totals > 0, out=np.zeros_like(counts))
    side = 2.5 + 0.42 * len(classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = shown_names(tuple(classes))
    texts = [each.text for each in shown]
    axes.set_xticks(range(len(classes)), texts, rotation=90, parse_math=False)
    axes.set_yticks(range(len(classes)), texts, parse_math=False)  # a $ is a $
    set_fonts(axes.get_xticklabels(), shown)
    set_fonts(axes.get_yticklabels(), shown)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    axes.set_title("% of each label's pixels")
    if len(classes) <= NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > DARK else "black"
                text = f"{100 * share:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    return figure


def write_confusion(
    path: str | os.PathLike[str], matrix: ConfusionMatrix, classes: Sequence[str]
) -> None:
    """Write `confusion_figure` as a picture, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as part:
        confusion_figure(matrix, classes).savefig(part, dpi=100)
