"""`scmnet-zoo data`: check a dataset before training, and pack it into one file."""

import contextlib
import logging
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from scmnet_zoo.cli._errors import fail, one_line, say
from scmnet_zoo.cli._options import DATASET, DATASET_HELP
from scmnet_zoo.cli._sizes import parse_size

PLOT = "class_shares.png"

app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="Check a dataset, or pack it into one file."
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")]
Name = Annotated[
    str | None,
    typer.Option(help=DATASET_HELP, show_default=DATASET),
]
Splits = Annotated[
    list[str] | None,
    typer.Option("--split", "--splits", help="Split to read; can be repeated. Default: all."),
]


@app.command("check")
def check(
    data: Folder,
    dataset: Name = None,
    split: Splits = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=f"Folder for {PLOT}, a plot of the class shares."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            help="Frame size in training. Default: that of the dataset's shipped recipe.",
        ),
    ] = None,
    lines: Annotated[
        int, typer.Option(min=1, help="Largest number of lines for each kind of problem.")
    ] = 5,
) -> None:
    """Read every frame, and report problems that would harm training.

    Errors are faults of the data; the exit status is then 1. Warnings name data whose scores say
    little. Notes name things that may be intended.
    """
    sides = None if size is None else parse_size(size)
    from scmnet_zoo.data import dataset_of
    from scmnet_zoo.data.check import check as look_through
    from scmnet_zoo.data.report import plot_shares

    dataset = dataset_of(data, dataset)
    with _quiet(), _bar("Reading") as progress:
        sides = sides or _recipe_size(dataset)
        report = look_through(dataset, data, split or None, progress, size=sides)
    if report.space is not None:
        table = Table(title=Text(f"{dataset}: shares of the pixels that are not void"))
        table.add_column("class")
        for each in report.shares:
            table.add_column(each, justify="right")
        for place, name in enumerate(report.space.classes):
            values = [shares[place] for shares in report.shares.values()]
            table.add_row(Text(name), *(f"{value:.2%}" if value else "-" for value in values))
        table.add_section()
        table.add_row("void, of all pixels", *(f"{value:.2%}" for value in report.void.values()))
        table.add_row("frames", *map(str, report.frames.values()))
        Console().print(table)
    for line in report.lines(lines):
        say(one_line(line))
    if output is not None and report.space is not None:
        from scmnet_zoo.files import whole_file

        output.mkdir(parents=True, exist_ok=True)
        with whole_file(output / PLOT) as part:
            plot_shares(report).savefig(part, dpi=150)
        say(one_line(f"Written to {output / PLOT}"))
    frames = sum(report.frames.values())
    counts = {"errors": report.errors, "warnings": report.warnings, "notes": report.notes}
    words = ", ".join(f"{noun}: {len(found)}" for noun, found in counts.items())
    summary = f"{words} ({dataset}, {frames} frames)"
    if report.errors:
        fail(summary)
    say(summary)


@app.command("pack")
def pack(
    data: Folder,
    size: Annotated[str, typer.Option(metavar="HxW", help="Size of the frames, e.g. 720x960.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The .h5 file to write.")],
    dataset: Name = None,
    split: Splits = None,
) -> None:
    """Resize the frames of a dataset to one size and write them to one HDF5 file.

    Other commands take the file in place of the dataset's folder.
    """
    sides = parse_size(size)
    from scmnet_zoo.data import dataset_of, open_dataset, reader_of, write_pack
    from scmnet_zoo.data.pairs import SPLITS, is_there, splits_of

    dataset = dataset_of(data, dataset)
    reader_of(dataset)
    splits = split or [each for each in splits_of(dataset, data) if is_there(dataset, data, each)]
    opened = [open_dataset(dataset, data, each) for each in splits or SPLITS[:1]]
    with _bar("Packing") as progress:
        write_pack(opened, sides, output, progress)
    frames = sum(len(each.samples) for each in opened)
    megabytes = output.stat().st_size / 1e6
    say(one_line(f"Written to {output}: {frames} frames, {megabytes:,.1f} MB"))


def _recipe_size(dataset: str) -> tuple[int, int] | None:
    """Return the training size of a dataset's shipped recipe, without importing Keras."""
    folder = resources.files("scmnet_zoo") / "training" / "recipes"
    recipe = folder / f"{dataset}.toml"
    if not recipe.is_file():
        return None
    height, width = tomllib.loads(recipe.read_text(encoding="utf-8"))["size"]
    return height, width


@contextlib.contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal. Yields a function of (frames done, frames in total)."""
    shown = Console(stderr=True)
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the readers' warnings in the block, as the report repeats them."""
    loggers = [logging.getLogger(name) for name in ("scmnet_zoo.data", "scmnet_zoo.image_files")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
