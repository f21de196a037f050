"""`scmnet-zoo benchmark`: measurements of speed on this machine, and of accuracy."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from scmnet_zoo.cli import speed
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import fail
from scmnet_zoo.cli._sizes import parse_size

app = typer.Typer(no_args_is_help=True, help="Measure speed on this machine, or accuracy.")


@app.callback()
def _group() -> None:
    pass


app.command("latency")(speed.latency)
app.command("floor")(speed.floor)


@app.command("train")
def train(
    network: Annotated[str, typer.Option(help="Key of the network.")] = "scmnet",
    size: Annotated[str, typer.Option(metavar="HxW", help="What the network sees.")] = "360x480",
    batch_size: Annotated[int, typer.Option(min=1, help="Frames in a step.")] = 16,
    precision: Annotated[str, typer.Option(help="A Keras dtype policy.")] = "mixed_bfloat16",
    steps: Annotated[int, typer.Option(min=1, help="In each of three rounds.")] = 50,
    frame_size: Annotated[
        str, typer.Option(metavar="HxW", help="Size of the files that are read.")
    ] = "1024x2048",
    frames: Annotated[int, typer.Option(min=1, help="How many files.")] = 16,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that read, by default one a core.")
    ] = None,
) -> None:
    """Time a training step, and the reading of frames of Cityscapes' size."""
    seen, files = parse_size(size), parse_size(frame_size, "--frame-size")
    start_keras()
    from scmnet_zoo.benchmark.pipeline import pipeline_time
    from scmnet_zoo.benchmark.training import step_time

    console = Console(highlight=False)
    step = step_time(network, seen, batch_size, precision, steps)
    rounds = ", ".join(f"{1000 * one:.1f}" for one in step.rounds)
    console.print(
        f"training step of {network}, {batch_size} of {size}, {precision}, augmentation included: "
        f"{1000 * step.seconds:.1f} ms ({step.where}; rounds: {rounds} ms; first round of {steps} "
        f"steps with compilation: {step.first:.0f} s)"
    )
    reading = pipeline_time(files, files, frames, workers)
    table = Table(title=f"reading a frame of {frame_size} on one thread")
    table.add_column("stage")
    table.add_column("ms", justify="right")
    table.add_column("share", justify="right")
    for name, seconds in reading.stages.items():
        table.add_row(name, f"{1000 * seconds:.1f}", f"{seconds / reading.seconds:.0%}")
    table.add_section()
    table.add_row("whole frame", f"{1000 * reading.seconds:.1f}", "100%")
    console.print(table)
    console.print(
        f"{1 / reading.seconds:.1f} frames/s on one core; {reading.rate:.1f} frames/s with "
        f"{reading.threads} threads, {reading.rate / reading.threads:.1f} a thread; files of "
        f"{reading.image_bytes / 1e6:.1f} MB and {reading.label_bytes / 1e3:.0f} kB"
    )


@app.command("accuracy")
def accuracy(
    data: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")] = "camvid",
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NETWORK/NAME...]",
            help="By default all on this machine whose numbers the manifest states.",
        ),
    ] = None,
) -> None:
    """Measure weights again; more than 0.1 mIoU apart from the manifest is a failure."""
    from scmnet_zoo.weights import manifest
    from scmnet_zoo.weights.inventory import stated_path

    entries = tuple(manifest.find_key(key) for key in keys or [])
    silent = [e.key for e in entries if dataset not in {r.dataset for r in e.results}]
    if silent:
        fail(f"the manifest states nothing on {dataset} of {', '.join(silent)}")
    if not keys:
        entries = tuple(entry for entry in manifest.entries() if stated_path(entry))
    start_keras()
    from scmnet_zoo.benchmark.accuracy import TOLERANCE, compare

    table = Table(title=Text(f"mIoU % on {dataset}"))
    for title in ("weights", "split", "protocol", "stated", "found", "class that differs most"):
        table.add_column(title, overflow="fold")  # names stay whole
    shown, wrong = Console(stderr=True), []
    try:
        with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
            tasks: dict[str, int] = {}

            def show(title: str, done: int, total: int) -> None:
                if title not in tasks:
                    tasks[title] = bar.add_task(title, total=total)
                bar.update(tasks[title], completed=done)  # type: ignore[arg-type]

            for one in compare(entries, dataset, data, show):
                stated, worst = one.result, one.worst_class()
                table.add_row(
                    Text(one.entry.key),
                    stated.split,
                    stated.protocol,
                    f"{stated.miou:.2f}",
                    f"{one.miou:.2f}",
                    "-" if worst is None else f"{worst[0]} {worst[1]:+.2f}",
                )
                if not one.agrees:
                    wrong.append(f"{one.entry.key} {stated.protocol} by {one.difference:+.2f}")
    finally:  # what was measured is not lost with what could not be
        if table.row_count:
            Console().print(table)
    if not table.row_count:
        fail(f"the manifest states nothing on {dataset} of weights that are on this machine")
    if wrong:
        fail(f"more than {TOLERANCE} from the manifest: {', '.join(wrong)}")
