"""mIoU against latency: of the zoo's networks, the numbers that have a source."""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lab.latency.preset import Cell
from lab.latency.rows import Row
from scmnet_zoo.files import whole_file
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.entry import Entry

SHIPPED, PUBLISHED = "manifest", "published"
MARKERS = {SHIPPED: "o", PUBLISHED: "^"}
# The protocol that the zoo reports first, where the manifest states several.
PROTOCOLS = ("A", "full")
FORM = "fused"


@dataclass(frozen=True)
class Point:
    """A network's mIoU on a dataset, and its fastest cell of a size.

    Attributes:
        dataset: with the split.
        cell: what was timed.
        latency: median in seconds.
        miou: in percent.
        kind: `"manifest"`, measured with weights of the zoo, or `"published"` by the authors.
    """

    dataset: str
    cell: Cell
    latency: float
    miou: float
    kind: str


def points(rows: Sequence[Row]) -> list[Point]:
    """A point for each mIoU with a source and each size at which its network was timed."""
    fastest: dict[tuple[str, tuple[int, int]], Row] = {}
    for row in rows:
        if row.times is None or row.cell.scope != "mask" or row.cell.form != FORM:
            continue
        key = (row.cell.network, row.cell.size)
        best = fastest.get(key)
        if best is None or best.times is None or row.times.median < best.times.median:
            fastest[key] = row
    found = []
    for network, dataset, miou, kind in _scores():
        for (name, _), row in fastest.items():
            if name == network and row.times is not None:
                found.append(Point(dataset, row.cell, row.times.median, miou, kind))
    return found


def _scores() -> list[tuple[str, str, float, str]]:
    """Network, dataset, mIoU and where it is from."""
    scores: dict[tuple[str, str], tuple[float, str]] = {}
    text = resources.files("lab.latency").joinpath("published.toml").read_text()
    for one in tomllib.loads(text)["networks"]:
        scores[one["network"], one["dataset"]] = one["miou"], PUBLISHED
    for entry in manifest.entries():
        for result in entry.results:
            key = (_name(entry), f"{result.dataset} {result.split}")
            if result.protocol in PROTOCOLS and (entry.file is not None):
                scores[key] = result.miou, SHIPPED
    return [(*key, *value) for key, value in scores.items()]


def _name(entry: Entry) -> str:
    """What the benchmark calls the network of an entry."""
    backbone = entry.arguments.get("backbone")
    return f"{entry.network}_{backbone}" if backbone == "mobilenet_v2" else entry.network


def latency_figure(shown: Sequence[Point]) -> Figure:
    """mIoU against latency, a panel for each dataset; sizes and runtimes are written beside."""
    datasets = list(dict.fromkeys(point.dataset for point in shown))
    figure = Figure(figsize=(5.5 * len(datasets), 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(datasets), squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        for point in (one for one in shown if one.dataset == dataset):
            axes.plot(1e3 * point.latency, point.miou, MARKERS[point.kind], color="tab:blue")
            height, width = point.cell.size
            cell = point.cell
            words = f"{cell.network} {height}x{width}\n{cell.runtime} {cell.precision}"
            axes.annotate(
                words,
                (1e3 * point.latency, point.miou),
                (4, 4),
                fontsize=7,
                textcoords="offset points",
            )
        axes.set_xscale("log")
        axes.set_xlabel("median latency, ms")
        axes.set_ylabel("mIoU, %")
        axes.set_title(dataset)
        axes.margins(0.25)
        axes.grid(alpha=0.3)
    figure.supxlabel(
        "circles: measured with weights of the zoo, at their own size; triangles: as published",
        fontsize=8,
    )
    return figure


def write_plot(path: str | os.PathLike, shown: Sequence[Point]) -> None:
    """Write `latency_figure` as a picture, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as part:
        latency_figure(shown).savefig(part, dpi=120)
