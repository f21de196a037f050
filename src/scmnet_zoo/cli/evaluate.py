"""`scmnet-zoo evaluate`: measure the accuracy of a network on a dataset."""

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import fail, one_line
from scmnet_zoo.cli._options import (
    DATASET,
    DATASET_HELP,
    NETWORK,
    NETWORK_HELP,
    WEIGHTS,
    WEIGHTS_HELP,
)
from scmnet_zoo.cli._signals import ending_at_sigterm
from scmnet_zoo.cli._sizes import parse_size
from scmnet_zoo.cli._stated import compare_stated

if TYPE_CHECKING:
    from scmnet_zoo.evaluation import Inference, Scores, Task

_PROTOCOLS = ", ".join(
    f"{' or '.join(protocol.name for protocol in card.protocols)} for {card.key}"
    for card in DATASET_CARDS.values()
)
SIZES = 4  # largest number of network input sizes that are printed


def command(
    data: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    network: Annotated[str | None, typer.Option(help=NETWORK_HELP, show_default=NETWORK)] = None,
    weights: Annotated[
        str | None,
        typer.Option(help=WEIGHTS_HELP, show_default=WEIGHTS),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help=DATASET_HELP, show_default=DATASET)] = None,
    split: Annotated[str, typer.Option(help="Split of the dataset.")] = "test",
    protocol: Annotated[
        str | None,
        typer.Option(help=f"{_PROTOCOLS}; see docs/metrics.md."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            help="Input size of the network, for images of any aspect ratio. Default: as many "
            "pixels as in training, in the image's aspect ratio.",
        ),
    ] = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="Average over each image and its mirror image.")
    ] = False,
    scales: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBERS", help="Scales to average over, e.g. 0.75,1,1.25."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="HxW", help="Run on sliding windows of this size.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for scores.csv, scores.json and a plot."),
    ] = None,
    export_predictions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for predictions in the format of Cityscapes."),
    ] = None,
    stated: Annotated[
        bool,
        typer.Option(
            "--stated",
            help="Measure the results of the manifest again and compare them: for all weights on "
            "this machine, or for those of --network and --weights.",
        ),
    ] = False,
) -> None:
    """Print the IoU of each class and category, their means, and nIoU if instances are known."""
    from scmnet_zoo.data import dataset_of

    dataset = dataset_of(data, dataset)
    if stated:
        of_one = {"--protocol": protocol, "--size": size, "--flip": flip, "--scales": scales}
        folders = {"--output": output, "--export-predictions": export_predictions}
        _check_unused({**of_one, "--window": window, **folders})
        compare_stated(data, dataset, _keys(network, weights, dataset))
        return
    weights = weights or WEIGHTS
    numbers = _parse_scales(scales)
    windows = None if window is None else parse_size(window, "--window")
    input_size = None if size is None else parse_size(size)
    start_keras()
    from scmnet_zoo.evaluation import Inference, load, write_report
    from scmnet_zoo.loading import read_weights
    from scmnet_zoo.predict import checked_size, make_directory

    inference = Inference(numbers, flip, windows)
    read = read_weights(weights, network)
    network = read.network
    task = load(network, read, dataset, data, split, protocol)
    if input_size is not None:
        task = task._replace(input_size=checked_size(input_size))
    for folder in (output, export_predictions):
        if folder is not None:
            make_directory(folder)
    scores = _measured(task, inference, export_predictions, input_size is not None)
    _print(scores, task, inference, f"{network}, {weights}, on {dataset} {split}")
    if export_predictions is not None:
        written = f"{scores.frames} predictions written to {export_predictions}"
        Console().print(Text(one_line(written)))
    if not scores.labelled:
        message = f"all labels of {dataset} {split} are void, so nothing was measured"
        if export_predictions is None:
            raise ValueError(message)
        Console().print(message)
    elif output is not None:
        about = {
            "network": network,
            "weights": weights,
            "dataset": dataset,
            "split": split,
            "protocol": task.protocol.name,
            "input_size": task.input_size,
            "input_sizes": {f"{h}x{w}": count for (h, w), count in scores.seen.items()},
            "scales": list(inference.scales),
            "flip": inference.flip,
            "window": inference.window,
        }
        write_report(scores, output, about)
        Console().print(Text(one_line(f"Scores written to {output}")))


def _check_unused(options: dict[str, object]) -> None:
    """Raise a usage error for options that `--stated` has no use for."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(
                "expected none with --stated, which measures as the manifest states",
                param_hint=name,
            )


def _keys(network: str | None, weights: str | None, dataset: str) -> list[str]:
    """Return `network/name` of the weights that `--stated` measures. Empty: all on this machine."""
    if weights is not None:
        return [f"{network or NETWORK}/{weights}"]
    if network is None:
        return []
    from scmnet_zoo.weights import manifest
    from scmnet_zoo.weights.inventory import stated_path

    entries = [one for one in manifest.entries() if one.network == network]
    results = {one.key: one for one in entries if dataset in {r.dataset for r in one.results}}
    found = [key for key, entry in results.items() if stated_path(entry)]
    if not found:
        fail(
            f"Expected weights of {network} on this machine, with results on {dataset} in the "
            "manifest. Received: none; scmnet-zoo weights list shows all weights"
        )
    return found


def _measured(
    task: "Task", inference: "Inference", predictions: Path | None, squash: bool
) -> "Scores":
    """Evaluate with a progress bar, and write predictions if a folder is given."""
    from scmnet_zoo.evaluation import Export, evaluate

    shown = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending_at_sigterm())  # partial predictions are removed then too
        export = None
        if predictions is not None:
            export = stack.enter_context(Export(predictions, task.dataset.space))
        progress = stack.enter_context(
            Progress(console=shown, transient=True, disable=not shown.is_terminal)
        )
        bar = progress.add_task("measuring", total=len(task.dataset.samples))
        return evaluate(
            *task,
            inference=inference,
            export=export,
            progress=lambda done, total: progress.update(bar, completed=done),
            squash=squash,
        )


def _print(scores: "Scores", task: "Task", inference: "Inference", title: str) -> None:
    """Print the table of scores, how they were measured, and warnings."""
    console, protocol = Console(), task.protocol
    if scores.labelled:
        console.print(Text(one_line(f"{title}, protocol {protocol.name}")))
        console.print(_table(scores))
        seen = f"network input {_sizes(scores.seen)}"
        parts = [protocol.title, seen, inference.title()]
        console.print(f"Protocol {protocol.name}: {'; '.join(part for part in parts if part)}.")
    for warning in scores.warnings:
        console.print(Text(one_line(f"Warning: {warning}")))
    if scores.left_out:
        console.print(f"Left out, as the weights lack them: {', '.join(scores.left_out)}.")


def _sizes(seen: dict[tuple[int, int], int]) -> str:
    """Format the most frequent input sizes of a network, with the number of frames of each."""
    if len(seen) == 1:
        return "{}x{}".format(*next(iter(seen)))
    shown = [f"{height}x{width} ({count} frames)" for (height, width), count in seen.items()]
    more = f" and {len(seen) - SIZES} more" if len(seen) > SIZES else ""
    return ", ".join(shown[:SIZES]) + more


def _parse_scales(texts: list[str] | None) -> tuple[float, ...]:
    if not texts:
        return (1.0,)
    try:
        return tuple(float(number) for text in texts for number in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"expected numbers with commas, e.g. 0.75,1,1.25. Received: {','.join(texts)}",
            param_hint="--scales",
        ) from error


def _table(scores: "Scores") -> Table:
    """Return a table of classes, categories and means in percent, with nIoU if measured."""
    from scmnet_zoo.evaluation.report import rows

    table = Table()
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    if scores.instances is not None:
        table.add_column("nIoU %", justify="right")
    grouped = len(scores.space.categories) < len(scores.space.labels)
    for kind, name, iou, niou in rows(scores):
        of_categories = kind == "category" or (kind, name) == ("mean", "categories")
        if of_categories and not grouped:
            continue
        shown = {"mean": f"mean of {name}", "pixel accuracy": kind}.get(kind, name)
        values = (iou, niou)[: len(table.columns) - 1]
        table.add_row(Text(shown), *("-" if math.isnan(v) else f"{100 * v:.2f}" for v in values))
        if kind == "mean" or (name == scores.space.classes[-1] and kind == "class"):
            table.add_section()
    return table
