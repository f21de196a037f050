"""`scmnet-zoo evaluate`: measure a network on a dataset."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from scmnet_zoo.cli._backend import start_keras


def command(
    data: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    network: Annotated[str, typer.Option(help="Key of the network.")] = "scmnet",
    weights: Annotated[str, typer.Option(help="Name or path of the weights.")] = "camvid",
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")] = "camvid",
    split: Annotated[str, typer.Option(help="Which part of the dataset.")] = "test",
    protocol: Annotated[str, typer.Option(help="A or B; see docs/results.md.")] = "A",
) -> None:
    """Print the IoU of each class and their mean, in percent."""
    start_keras()
    from scmnet_zoo.evaluate import evaluate, load

    model, frames, chosen, input_size = load(network, weights, dataset, data, split, protocol)
    console = Console()
    progress = Progress(console=Console(stderr=True), transient=True)
    with progress:
        task = progress.add_task(f"{dataset} {split}", total=len(frames.samples))
        matrix = evaluate(
            model,
            frames,
            chosen,
            input_size,
            lambda done, total: progress.update(task, completed=done),
        )
    title = f"{network}/{weights} on {dataset} {split}, protocol {chosen.name}"
    table = Table(title=escape(title))
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    for name, iou in zip(frames.space.classes, matrix.iou(), strict=True):
        table.add_row(name, f"{100 * iou:.2f}")
    table.add_section()
    table.add_row("mean", f"{100 * matrix.mean_iou():.2f}")
    console.print(table)
    console.print(f"Protocol {chosen.name}: {chosen.title}; network input {input_size}.")
