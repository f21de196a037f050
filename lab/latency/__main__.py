"""`python -m lab.latency`: how fast networks run and train, and the least that they cost."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import Commands, fail
from scmnet_zoo.cli._signals import ending_at_sigterm
from scmnet_zoo.cli._sizes import parse_size

if TYPE_CHECKING:
    from lab.latency import Measurement

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure the speed of networks in runtimes, and of training.",
)


@app.command("run")
def run(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")],
    preset: Annotated[
        str, typer.Option(help="What is timed: cpu, gpu, backends, or the path of a .toml file.")
    ] = "cpu",
) -> None:
    """Time networks in runtimes, in turns, peers beside them.

    Writes latency.csv, latency.md, profile.csv, environment.json and latency.png, mIoU against
    latency, again after each block, so that a run that is broken off leaves what it has done.
    """
    # Keras runs in the workers alone.
    from lab.latency import find_preset, measure, write_report

    chosen = find_preset(preset)
    made = _writable(output)
    written: tuple[Path, ...] = ()

    def save(found: "Measurement") -> None:
        nonlocal written
        written = write_report(found, output)

    try:
        with ending_at_sigterm(), _progress() as show:
            measurement = measure(chosen, show, save=save)
            save(measurement)
    except BaseException:
        if written:
            typer.echo(f"Broken off. Written so far: {', '.join(map(str, written))}", err=True)
        _remove(made)
        raise
    failed = [row for row in measurement.rows if row.times is None]
    console = Console(highlight=False)
    console.print(f"{len(measurement.rows) - len(failed)} of {len(measurement.rows)} cells timed")
    notes = [(row.title, row.note) for row in failed]
    notes += [(one.title, one.note) for one in measurement.profiles if not one.parts]
    for title, note in notes:
        console.print(Text(f"failed: {title}: {note}"))
    console.print(Text(f"Written: {', '.join(map(str, written))}"))


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, else a line for each step, with the seconds since the start."""
    shown = Console(stderr=True)
    if not shown.is_terminal:
        start = time.monotonic()

        def line(title: str, done: int, total: int) -> None:
            typer.echo(f"{time.monotonic() - start:6.1f} s  {done}/{total}  {title}", err=True)

        yield line
        return
    with Progress(console=shown, transient=True) as bar:
        task = bar.add_task("starting")

        def show(title: str, done: int, total: int) -> None:
            bar.update(task, description=title, completed=done, total=total)

        yield show


@app.command("floor")
def floor(
    networks: Annotated[
        list[str] | None, typer.Option("--network", help="Key of a network; again for more.")
    ] = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", metavar="HxW", help="Again for more.")
    ] = None,
    precisions: Annotated[
        list[str] | None, typer.Option("--precision", help="f32, bf16, f16, int8; again for more.")
    ] = None,
) -> None:
    """Count the multiply-adds and the fewest bytes of networks, 19 classes, mask out."""
    seen = [(size, parse_size(size)) for size in sizes or ["512x1024", "1024x2048", "2048x4096"]]
    start_keras()
    from lab.latency.floor import BYTES
    from lab.latency.floor import floor as count
    from scmnet_zoo.deploy import fuse
    from scmnet_zoo.models import NETWORKS, factory_of

    kinds = precisions or ["f32", "bf16"]
    for kind in kinds:
        if kind not in BYTES:
            fail(f"Expected --precision to be one of {', '.join(BYTES)}. Received: {kind}")
    table = Table(title="least that an image costs")
    for title in ("network", "size", "GMACs", "precision", "MB moved", "MB, maps kept on chip"):
        table.add_column(title, justify="left" if title in ("network", "precision") else "right")
    for network in networks or list(NETWORKS):
        model = factory_of(network)(classifier_activation=None)
        for size, sides in seen:
            fused = fuse(model, output="mask", size=sides)
            for kind in kinds:
                found = count(fused, kind)
                moved, least = found.bytes / 1e6, found.least_bytes / 1e6
                cost = (f"{found.macs / 1e9:.2f}", kind, f"{moved:.1f}", f"{least:.1f}")
                table.add_row(network, size, *cost)
    Console(highlight=False).print(table)


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
    from lab.latency.pipeline import pipeline_time
    from lab.latency.training import step_time

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


def _writable(folder: Path) -> list[Path]:
    """Make a folder, if it is not there, and see that files can be written to it.

    Returns:
        What was made, outermost first.
    """
    made = [one for one in [*reversed(folder.parents), folder] if not one.exists()]
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder for results. Received: a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return made
    except OSError as error:
        _remove(made)
        reason = error.strerror or error
        raise OSError(f"{folder}: cannot be written to: {reason}") from error


def _remove(folders: list[Path]) -> None:
    """Remove folders that are empty, innermost first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


if __name__ == "__main__":
    app(prog_name="python -m lab.latency")
