"""`scmnet-zoo export`: write a network as a file for another runtime."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scmnet_zoo.catalogue.formats import FORMAT_CARDS
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import one_line
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

if TYPE_CHECKING:
    from scmnet_zoo.deploy import Labelled, Report
    from scmnet_zoo.loading import Loaded

ANY = "dynamic"
MOST_IMAGES = 200  # largest number of images for calibration
SPLIT = "test"  # default of --split


def command(
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="File to write; for saved_model a folder.")
    ],
    format: Annotated[str, typer.Option(help=f"Format: {', '.join(FORMAT_CARDS)}.")],
    network: Annotated[str | None, typer.Option(help=NETWORK_HELP, show_default=NETWORK)] = None,
    weights: Annotated[str, typer.Option(help=WEIGHTS_HELP)] = WEIGHTS,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW|dynamic", help="Input size of the network. Default: as in training."
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Precision of the file: f32, f16, bf16 or int8.")
    ] = "f32",
    output_kind: Annotated[
        str, typer.Option(help="Output: probabilities, logits, or mask (class of each pixel).")
    ] = "probabilities",
    original_size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW|dynamic",
            help="Image size. The file then resizes images to the input size, and the output back.",
        ),
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of images to calibrate int8 on.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of a dataset to compare mIoU on.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help=DATASET_HELP, show_default=DATASET)] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of that dataset.", show_default=SPLIT)
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Largest number of its frames. Default: all.")
    ] = None,
) -> None:
    """Write a network as a file for another runtime, and compare the file with the network.

    The file contains the normalisation: its input is RGB images of shape (batch, height, width, 3)
    in uint8. If its output differs too much from the network's, no file is written.
    """
    seen = _parse(size, "--size")
    original = _parse(original_size, "--original-size")
    if data is None:
        _check_unused({"--dataset": dataset, "--split": split, "--frames": frames})
    start_keras()
    from scmnet_zoo.deploy import describe, export
    from scmnet_zoo.deploy.formats import check_format
    from scmnet_zoo.deploy.inputs import Photographs
    from scmnet_zoo.loading import load

    varies = (original_size or size) == ANY
    check_format(format, output, precision, varies, calibrate is not None)
    images = [] if calibrate is None else _images(calibrate)
    loaded = load(weights, network)
    description = describe(loaded.source.network, loaded)
    labelled = None
    if data is not None:
        labelled = _labelled(loaded, dataset, data, split or SPLIT, frames)
    if size is None:
        seen = description.training_size
    with ending_at_sigterm():  # partial files are removed then too
        done = export(
            loaded.model,
            output,
            format,
            size=seen,
            precision=precision,
            output=output_kind,
            original_size=None if original_size is None else original or (None, None),
            description=description,
            calibration=Photographs(images),
            labelled=labelled,
            report=lambda line: Console(stderr=True).print(Text(one_line(line)), style="dim"),
        )
    _print(done)


def _parse(text: str | None, option: str) -> tuple[int, int] | None:
    return None if text in (None, ANY) else parse_size(str(text), option)


def _check_unused(options: dict[str, str | int | None]) -> None:
    """Raise a usage error for options that need `--data`."""
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(
                f"expected --data DIR with it. Received: {value} without --data", param_hint=name
            )


def _images(folder: Path) -> list[Path]:
    """Return at most `MOST_IMAGES` images of a folder, evenly spaced.

    Raises:
        OSError: the folder does not exist.
        ValueError: it has no images.
    """
    from scmnet_zoo.cli.segment import find_photos

    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder of images. Received: no folder")
    found = find_photos([folder])
    return found[:: -(-len(found) // MOST_IMAGES)]


def _labelled(
    loaded: "Loaded", dataset: str | None, data: Path, split: str, frames: int | None
) -> "Labelled":
    from scmnet_zoo.data import dataset_of
    from scmnet_zoo.deploy import Labelled
    from scmnet_zoo.evaluation import load

    task = load(None, loaded, dataset_of(data, dataset), data, split)
    return Labelled(task.dataset, task.protocol, task.places, frames)


def _print(done: "Report") -> None:
    console = Console(highlight=False)
    compared, quality = done.comparison, done.quality
    if quality is not None and quality.before:
        table = Table(title="IoU %")
        for title in ("class", "network", "file", "change"):
            table.add_column(title, justify="left" if title == "class" else "right")
        for name, old, new in zip(quality.classes, quality.before, quality.after, strict=True):
            table.add_row(Text(name), f"{old:.2f}", f"{new:.2f}", f"{new - old:+.2f}")
        table.add_section()
        means = quality.means
        change = f"{means[1] - means[0]:+.2f}"
        table.add_row("mean", *(f"{mean:.2f}" for mean in means), change)
        console.print(table)
    if quality is not None and quality.seconds is not None and quality.sizes is not None:
        slow, fast = (1000 * one for one in quality.seconds)
        before, after = (one / 1e6 for one in quality.sizes)
        console.print(
            f"float: {slow:.1f} ms, {before:.1f} MB; 8-bit: {fast:.1f} ms, {after:.1f} MB"
        )
    sizes = ", ".join(f"{height}x{width}" for height, width in compared.sizes)
    difference = ""
    if compared.difference is not None:
        difference = f"largest difference {compared.difference:.1e}, "
    console.print(
        f"compared with the network on {compared.frames} image(s) at {sizes}: {difference}"
        f"{compared.equal:.3%} of the pixels of the same class"
    )
    console.print(Text(one_line(f"Written to {done.path}, {done.size / 1e6:.1f} MB")))
