"""`scmnet-zoo segment`: write overlays and masks of photographs, print the class shares."""

import contextlib
import errno
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress
from rich.style import Style
from rich.table import Table
from rich.text import Text

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import fail, one_line, say
from scmnet_zoo.cli._options import NETWORK, NETWORK_HELP, WEIGHTS, WEIGHTS_HELP
from scmnet_zoo.cli._signals import ending_at_sigterm
from scmnet_zoo.cli._sizes import parse_size
from scmnet_zoo.files import MASK, OVERLAY, WriteError
from scmnet_zoo.image_files import images_in, left_out_in_words
from scmnet_zoo.images import example_photo, read_image

if TYPE_CHECKING:
    from scmnet_zoo.predict import Result, Segmenter

_log = logging.getLogger(__name__)

LARGEST = 3  # number of classes per row in the table of several photographs


class Row(NamedTuple):
    """Table row of a photograph, without its pixels."""

    name: str  # file name
    shares: dict[str, float]  # share of each class, the largest first
    colours: dict[str, tuple[int, int, int]]  # colour of each class, RGB 0..255
    seconds: float  # time in the network


def command(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTO_OR_FOLDER", help="Images, or folders of images."),
    ] = None,
    network: Annotated[str | None, typer.Option(help=NETWORK_HELP, show_default=NETWORK)] = None,
    weights: Annotated[str | None, typer.Option(help=WEIGHTS_HELP, show_default=WEIGHTS)] = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")] = Path(
        "segmented"
    ),
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Input size of the network. Default: as in training."),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Segment the photograph that ships with the package.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse JPEG files without an end marker.")
    ] = False,
) -> None:
    """Segment photographs of streets.

    For each photograph, writes NAME_overlay.png (with a legend) and NAME_mask.png (class indices
    with a palette), and prints the share of each class.
    """
    arguments = [*(photos or []), *([example_photo()] if example else [])]
    if not arguments:
        raise typer.BadParameter("expected a photo, a folder or --example", param_hint="PHOTO")
    sides = None if size is None else parse_size(size)
    paths, results = without_results(find_photos(arguments))
    if results:
        line = f"passed over: {len(results)} files that `segment` wrote, such as {results[0]}"
        say(one_line(line), err=True)
    if not paths:
        raise ValueError("expected photographs. Received: only files that `segment` wrote")
    stems = unique_stems(paths, output)

    segmenter: Segmenter | None = None
    done: list[Row] = []
    bad: list[str] = []
    console, shown = Console(), Console(stderr=True)
    hidden = len(paths) == 1 or not shown.is_terminal
    bar = Progress(console=shown, transient=True, disable=hidden)
    # SIGTERM removes a picture that is written in part.
    with ending_at_sigterm(), bar as progress:
        for path, stem in progress.track(
            zip(paths, stems, strict=True), total=len(paths), description="Segmenting"
        ):
            try:
                photo = read_image(path, strict)
            except (ValueError, OSError, MemoryError) as error:
                bad.append(str(error) or f"{path}: not enough memory")
                continue
            if segmenter is None:
                segmenter = _load(network, weights, sides, output)
            result = segmenter(photo)
            try:
                result.save(output, stem)
            except WriteError as error:
                if getattr(error.__cause__, "errno", None) != errno.ENAMETOOLONG:
                    raise  # e.g. a full disk: the next write would fail too
                bad.append(str(error))
                continue
            done.append(_row(path, result))
    _report(console, done, output)
    if len(paths) == 1 and bad:
        fail(bad[0])
    for line in bad:
        say(one_line(line), err=True)
    if bad:
        fail(f"{len(bad)} of {len(paths)} files could not be segmented")


def find_photos(arguments: Iterable[Path]) -> list[Path]:
    """List the given files and the image files in given folders, sorted, without repeats.

    A warning counts the files of a folder that are left out, by suffix.

    Raises:
        ValueError: a folder has no images.
    """
    found: list[Path] = []
    for argument in arguments:
        if not argument.is_dir():
            found.append(argument)
            continue
        inside, others = images_in(argument)
        told = left_out_in_words(others)
        if not inside:
            received = f"one without, but with {told}" if told else "one without"
            raise ValueError(f"{argument}: expected a folder with images. Received: {received}")
        if told:
            _log.warning("%s: left out, as no images by their names: %s", argument, told)
        found += inside
    places = {path.parent: os.path.realpath(path.parent) for path in found}
    once: dict[tuple[str, str], Path] = {}
    for path in found:
        once.setdefault((places[path.parent], path.name), path)
    return list(once.values())


def without_results(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Photographs, and results of earlier runs.

    Results are a NAME_mask.png with its NAME_overlay.png, and either where the file itself says so.
    """
    from scmnet_zoo.data.predictions import is_result

    given, results = set(paths), set()
    for path in paths:
        overlay = path.with_name(f"{path.name.removesuffix(MASK)}{OVERLAY}")
        if path.name.endswith(MASK) and overlay in given:
            results |= {path, overlay}
        elif path.name.endswith((MASK, OVERLAY)) and is_result(path):
            results.add(path)
    return [p for p in paths if p not in results], [p for p in paths if p in results]


def unique_stems(paths: Sequence[Path], output: Path) -> list[str]:
    """Return a stem for the results of each photograph, unique and unlike any photograph's."""
    # Compared without case: for some file systems A_mask.png and a_mask.png are the same file.
    taken = {_place(path) for path in paths}
    stems = []
    for path in paths:
        stem, number = path.stem, 1
        while True:
            results = {_place(Path(output, f"{stem}{ending}")) for ending in (OVERLAY, MASK)}
            if not results & taken:
                break
            number += 1
            stem = f"{path.stem}-{number}"
        taken |= results
        stems.append(stem)
    return stems


def _place(path: Path) -> str:
    return os.path.realpath(path).casefold()


def _load(
    network: str | None, weights: str | None, size: tuple[int, int] | None, output: Path
) -> "Segmenter":
    """Make the output folder, then load the network, which takes longer."""
    start_keras()
    from scmnet_zoo.predict import Segmenter, make_directory

    new = not output.exists()
    make_directory(output)
    try:
        return Segmenter(network, weights, size)
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                output.rmdir()  # remove the empty folder
        raise


def _row(path: Path, result: "Result") -> Row:
    colours = dict(zip(result.classes, result.palette, strict=True))
    return Row(path.name, result.shares, colours, result.seconds)


def _report(console: Console, done: Sequence[Row], output: Path) -> None:
    if len(done) == 1:
        console.print(_shares(done[0]))
        console.print(f"{done[0].seconds:.2f} s in the network", highlight=False)
    elif done:
        console.print(_summary(done))
    if done:
        console.print(Text(one_line(f"Written to {output}")))


def _shares(row: Row) -> Table:
    table = Table(title=Text(one_line(row.name)))
    table.add_column("")
    table.add_column("class")
    table.add_column("share", justify="right")
    for name, share in row.shares.items():
        swatch = Text("  ", Style(bgcolor="rgb({},{},{})".format(*row.colours[name])))
        table.add_row(swatch, Text(name), f"{share:.1%}")
    return table


def _summary(done: Sequence[Row]) -> Table:
    table = Table()
    table.add_column("photo")
    table.add_column(f"{LARGEST} largest classes")
    table.add_column("seconds", justify="right")
    for row in done:
        largest = list(row.shares.items())[:LARGEST]
        shares = ", ".join(f"{name} {share:.1%}" for name, share in largest)
        table.add_row(Text(one_line(row.name)), Text(shares), f"{row.seconds:.2f}")
    return table
