"""Plots of confusion matrices, without Matplotlib's global state."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scmnet_zoo.files import whole_file
from scmnet_zoo.fonts import set_fonts, shown_names
from scmnet_zoo.metrics import ConfusionMatrix

NUMBERED = 40  # largest number of classes for which cells show numbers
DARK = 0.5  # cells with a larger share have white numbers


def confusion_figure(matrix: ConfusionMatrix, classes: Sequence[str]) -> Figure:
    """Plot a confusion matrix as percentages of the pixels of each label.

    Args:
        matrix: the confusion matrix.
        classes: one name for each row. A name that no font can show becomes `class NUMBER`.

    Raises:
        ValueError: the number of names differs from the number of classes.
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
    axes.set_yticks(range(len(classes)), texts, parse_math=False)  # print $ unchanged
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
    """Write `confusion_figure` to an image file. No partial file remains after an error.

    Raises:
        OSError: the file cannot be written.
    """
    with whole_file(path) as part:
        confusion_figure(matrix, classes).savefig(part, dpi=100)
