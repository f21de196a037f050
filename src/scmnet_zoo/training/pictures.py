"""Pictures of a run: training curves and sample predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from scmnet_zoo.data.labels import VOID
from scmnet_zoo.files import whole_file

PANEL_WIDTH = 480  # pixels of a frame in a picture of samples
GAP = 4  # pixels between panels


def write_curves(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Plot loss, validation scores and learning rate by epoch.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    losses, scores, rate = figure.subplots(1, 3)
    _line(losses, rows, "loss", "training")
    _line(losses, rows, "val_loss", "validation")
    losses.set(title="loss", xlabel="epoch")
    _line(scores, rows, "val_miou", "mIoU")
    _line(scores, rows, "val_pixel_accuracy", "pixel accuracy")
    scores.set(title="validation", xlabel="epoch", ylim=(0, 1))
    _line(rate, rows, "learning_rate", "learning rate")
    rate.set(title="learning rate", xlabel="epoch")
    for axes in (losses, scores):
        if axes.lines:
            axes.legend()
    with whole_file(path) as part:
        figure.savefig(part, dpi=80)


def write_samples(
    path: Path,
    frames: Sequence[tuple[np.ndarray, np.ndarray]],
    predictions: np.ndarray,
    palette: Sequence[tuple[int, int, int]],
) -> None:
    """Write a picture with a row per frame: image, label, prediction.

    Args:
        path: path of the PNG.
        frames: images, uint8 (height, width, 3), and labels, uint8 (height, width).
        predictions: uint8 (frames, height, width).
        palette: colours of the classes; void is black.

    Raises:
        OSError: it cannot be written.
    """
    colours = np.zeros((VOID + 1, 3), np.uint8)
    colours[: len(palette)] = palette
    height, width = frames[0][1].shape
    size = (min(PANEL_WIDTH, width), max(1, round(height * min(1, PANEL_WIDTH / width))))
    sheet = Image.new("RGB", (3 * size[0] + 2 * GAP, len(frames) * (size[1] + GAP)), "white")
    for row, ((image, label), prediction) in enumerate(zip(frames, predictions, strict=True)):
        for column, panel in enumerate((image, colours[label], colours[prediction])):
            kind = Image.Resampling.BILINEAR if column == 0 else Image.Resampling.NEAREST
            small = Image.fromarray(panel).resize(size, kind)
            sheet.paste(small, (column * (size[0] + GAP), row * (size[1] + GAP)))
    with whole_file(path) as part:
        sheet.save(part)


def _line(axes, rows, key, label):
    """Plot a value over the epochs that have it."""
    points = [(row["epoch"], row[key]) for row in rows if key in row]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 30 else None)
