"""Report of checking a dataset: problems, class shares and a plot."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scmnet_zoo.data.labels import LabelSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Kinds of problems in the order of the report -> noun for the line that counts further problems.
ERRORS = {
    "split": "splits that cannot be opened",
    "encoding": "splits with ids of another kind",
    "pair": "images or labels without the other",
    "unreadable": "files that cannot be read",
    "ids": "labels with unknown ids",
    "assumed": "datasets in which 255 may be a class",
    "single": "training splits without two classes",
    "blurred": "labels that are blurred",
    "size": "labels of another aspect ratio than their image",
    "leak": "images that are in two splits",
}
WARNINGS = {
    "guessed": "datasets whose classes were guessed",
    "lone": "splits with one class only",
    "missing": "datasets without a class",
    "trial": "splits of one frame that is in another split too",
}
NOTES = {
    "no split": "splits that are not there",
    "scale": "labels of another size than their image, in the same aspect ratio",
    "turned": "images that are turned by EXIF",
    "no end": "JPEG files without an end marker",
    "left out": "folders with files that are left out",
    "void": "labels that are void throughout",
    "absent": "splits without a class",
    "formats": "splits of images in several formats",
    "repeat": "images that are in a split twice",
    "similar": "images that are nearly the same in two splits",
    "ratio": "aspect ratios other than the training size's",
}
KINDS = ERRORS | WARNINGS | NOTES


@dataclass(frozen=True)
class Problem:
    """One problem of a dataset.

    Attributes:
        kind: key of `ERRORS`, `WARNINGS` or `NOTES`.
        file: file of the problem; a folder for a problem of a split.
        message: one line that names the file.
    """

    kind: str
    file: Path
    message: str

    @property
    def is_error(self) -> bool:
        return self.kind in ERRORS

    @property
    def level(self) -> str:
        """`"error"`, `"warning"` or `"note"`."""
        if self.is_error:
            return "error"
        return "warning" if self.kind in WARNINGS else "note"


@dataclass(frozen=True)
class Report:
    """Result of `check`.

    Attributes:
        dataset: name of the dataset.
        space: label space; None if no split could be opened.
        frames: number of frames of each split.
        shares: for each split, the share of each class among the pixels that are not void, float64
            (classes,); zeros if no label could be read.
        void: for each split, the share of void among all pixels.
        problems: problems in the order of `KINDS`: errors, warnings, notes.
    """

    dataset: str
    space: LabelSpace | None
    frames: Mapping[str, int]
    shares: Mapping[str, np.ndarray]
    void: Mapping[str, float]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "warning")

    @property
    def notes(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "note")

    def lines(self, most: int) -> Iterator[str]:
        """Yield the problems as lines: at most `most` of each kind, then a count of the others."""
        counts = Counter(problem.kind for problem in self.problems)
        told: Counter[str] = Counter()
        for problem in self.problems:
            level = problem.level
            told[problem.kind] += 1
            if told[problem.kind] <= most:
                yield f"{level}: {problem.message}"
            elif told[problem.kind] == counts[problem.kind]:
                yield f"{level}: and {counts[problem.kind] - most} more {KINDS[problem.kind]}"


def plot_shares(report: Report) -> "Figure":
    """Plot the share of each class in each split on a logarithmic axis.

    Raises:
        ValueError: the report has no shares, as no split could be opened.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if report.space is None:
        raise ValueError(f"Expected a report with shares. Received: none of {report.dataset}")
    from scmnet_zoo.fonts import set_fonts, shown_names

    classes, splits = report.space.classes, list(report.shares)
    figure = Figure(figsize=(8, 1.5 + 0.35 * len(classes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    height = 0.8 / len(splits)
    for number, split in enumerate(splits):
        shares = 100 * report.shares[split]
        places = np.arange(len(classes)) + (number - (len(splits) - 1) / 2) * height
        axes.barh(places[shares > 0], shares[shares > 0], height, label=split)
    axes.set_xscale("log")
    found = [share for shares in report.shares.values() for share in shares if share > 0]
    axes.set_xlim(50 * min(found, default=0.01), 100)  # from half of the smallest
    axes.xaxis.set_major_formatter("{x:g}")
    shown = shown_names(classes)
    axes.set_yticks(np.arange(len(classes)), [each.text for each in shown], parse_math=False)
    set_fonts(axes.get_yticklabels(), shown)
    axes.invert_yaxis()
    axes.set_xlabel("share of the pixels that are not void, %")
    axes.set_title(f"{report.dataset}: classes")
    axes.legend()
    return figure
