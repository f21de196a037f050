"""Draws SCMNet's best and worst test frames of CamVid: labels, predictions, where they differ.

Run as `python -m lab.camvid.masks DIR PICTURE.png`. Masks only, no photograph. Of the test
frames that protocol B has it looks at every third; the score of a frame is the mean IoU of the
classes in it.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scmnet_zoo.data import VOID, Sample, camvid
from scmnet_zoo.data.labels import palette_for
from scmnet_zoo.evaluation import CAMVID_B, evaluate
from scmnet_zoo.files import whole_file
from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.models import SCMNet

EVERY = 3
SHOWN = 2  # of the best, and of the worst
BLACK = (0, 0, 0)


class Kept:
    """Takes the predictions that an `Export` would write."""

    def __init__(self):
        self.predictions: list[tuple[Sample, np.ndarray]] = []

    def add(self, sample: Sample, prediction: np.ndarray) -> None:
        self.predictions.append((sample, prediction))


def score(label: np.ndarray, prediction: np.ndarray, classes: int) -> float:
    """The mean IoU of the classes that the label has."""
    matrix = ConfusionMatrix(classes)
    matrix.update(label, prediction)
    counts = matrix.counts
    union = counts.sum(0) + counts.sum(1) - np.diag(counts)
    there = counts.sum(1) > 0
    return float((np.diag(counts)[there] / union[there]).mean())


def figure_of(frames, classes, colours) -> Figure:
    """Rows of label, prediction and difference, with their scores."""
    table = np.zeros((VOID + 1, 3), np.uint8)
    table[: len(colours)] = colours
    figure = Figure(figsize=(10.5, 2.65 * len(frames) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    for row, (value, name, label, prediction) in enumerate(frames):
        wrong = np.where((label != prediction) & (label != VOID), prediction, VOID)
        parts = ((label, name), (prediction, f"SCMNet: {100 * value:.1f}"), (wrong, "wrong"))
        for column, (mask, title) in enumerate(parts):
            axes = figure.add_subplot(len(frames), 3, 3 * row + column + 1)
            axes.imshow(table[mask], interpolation="nearest")
            axes.set_title(title, fontsize=9)
            axes.set_axis_off()
    patches = [
        Patch(color=np.divide(colour, 255), label=name)
        for name, colour in zip((*classes, "void, right"), (*colours, BLACK), strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=6, fontsize=8)
    return figure


def main() -> None:
    """Measure the frames and draw the picture."""
    parser = argparse.ArgumentParser(description="Best and worst test frames of CamVid.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("picture", type=Path, help="the PNG that is written")
    arguments = parser.parse_args()
    frames = camvid(arguments.data, "test")
    frames = dataclasses.replace(frames, samples=frames.samples[::EVERY])
    kept = Kept()
    evaluate(SCMNet(weights="camvid"), frames, CAMVID_B, CAMVID_B.size, export=kept)  # type: ignore[arg-type]
    classes = frames.space.classes
    scored = []
    for sample, prediction in kept.predictions:
        label = frames.read(sample)[1]
        scored.append((score(label, prediction, len(classes)), sample.name, label, prediction))
    scored.sort(key=lambda frame: frame[0], reverse=True)
    figure = figure_of([*scored[:SHOWN], *scored[-SHOWN:]], classes, palette_for(classes))
    with whole_file(arguments.picture) as part:
        figure.savefig(part, dpi=80, format="png")


if __name__ == "__main__":
    main()
