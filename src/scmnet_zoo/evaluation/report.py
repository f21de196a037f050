"""Scores as files: CSV, JSON and a picture of the confusion matrix."""

import csv
import io
import json
import math
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from scmnet_zoo.evaluation.scores import Scores
from scmnet_zoo.files import whole_file

TABLE, NUMBERS, PICTURE = "scores.csv", "scores.json", "confusion_matrix.png"
COLUMNS = ("kind", "name", "iou", "niou")


def write_report(
    scores: Scores, folder: str | os.PathLike[str], about: dict[str, Any]
) -> tuple[Path, Path, Path]:
    """Write `scores.csv`, `scores.json` and `confusion_matrix.png`; all of them or none.

    Scores are in percent; NaN is empty in the CSV and null in the JSON.

    Args:
        scores: the scores.
        folder: output folder; created if missing.
        about: facts for the JSON: network, weights and so on.

    Returns:
        The paths of the table, the JSON and the picture.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    from scmnet_zoo.plots import write_confusion

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / TABLE, folder / NUMBERS, folder / PICTURE)
    with ExitStack() as stack:
        table, numbers, picture = (stack.enter_context(whole_file(path)) for path in paths)
        table.write_text(as_csv(scores), encoding="utf-8")
        content = json.dumps(about | as_dict(scores), indent=2, allow_nan=False)
        numbers.write_text(content + "\n", encoding="utf-8")
        write_confusion(picture, scores.matrix, scores.space.classes)
    return paths


def as_csv(scores: Scores) -> str:
    """CSV with a row per class, category and mean, in percent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for kind, name, iou, niou in rows(scores):
        writer.writerow([kind, name, *("" if math.isnan(v) else 100 * v for v in (iou, niou))])
    return text.getvalue()


def rows(scores: Scores) -> list[tuple[str, str, float, float]]:
    """Kind, name, IoU and nIoU of each class, each category, and the means, as fractions."""
    means, nan = scores.means(), float("nan")
    niou, category_niou = scores.niou(), scores.category_niou()
    found = [("class", name, value, niou[name]) for name, value in scores.iou().items()]
    found.append(("mean", "classes", means["miou"], means["niou"]))
    found += [
        ("category", name, value, category_niou[name])
        for name, value in scores.category_iou().items()
    ]
    found.append(("mean", "categories", means["category_miou"], means["category_niou"]))
    found.append(("pixel accuracy", "", scores.pixel_accuracy(), nan))
    return found


def as_dict(scores: Scores) -> dict[str, Any]:
    """All numbers for the JSON, scores in percent."""

    def percent(value: float) -> float | None:
        return None if math.isnan(value) else 100 * value

    def pairs(iou: dict[str, float], niou: dict[str, float]) -> dict[str, dict]:
        return {key: {"iou": percent(iou[key]), "niou": percent(niou[key])} for key in iou}

    return {
        "frames": scores.frames,
        **{key: percent(value) for key, value in scores.means().items()},
        "pixel_accuracy": percent(scores.pixel_accuracy()),
        "classes": pairs(scores.iou(), scores.niou()),
        "categories": pairs(scores.category_iou(), scores.category_niou()),
        "warnings": list(scores.warnings),
        "left_out": list(scores.left_out),
        "confusion_matrix": scores.matrix.counts.tolist(),
        "missed": scores.matrix.missed.tolist(),
    }
