"""Classes by the indices or colours of label files: from a list of them, or from the files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.data.dataset import reason
from scmnet_zoo.data.labels import VOID, Colour, Label, LabelSpace, palette_for
from scmnet_zoo.data.listing import Meaning
from scmnet_zoo.data.masks import ColourMasks, IndexMasks
from scmnet_zoo.files import read_small
from scmnet_zoo.image_files import open_image

MOST = 64  # different values: more are no classes but a photograph, or blurred
BY_TABLE = "a classes.toml in that folder names them"


def by_index(rows: Sequence[tuple[str, int]], source: str, guessed: str = "") -> Meaning:
    """Classes with an index each.

    Args:
        rows: name and index of each class, in the order of the training ids.
        source: what says so, for errors.
        guessed: as in `Meaning`.

    Raises:
        ValueError: fewer than two classes, or a name or an index twice.
    """
    names, indices = _checked(rows, source)
    pairs = zip(names, palette_for(names), indices, strict=True)
    labels = tuple(Label(name, colour, name, index) for name, colour, index in pairs)
    masks = IndexMasks(
        {index: place for place, index in enumerate(indices)},
        f"indices of {source}",
        others=frozenset(range(VOID + 1)),
        advice=f"name the class there; {BY_TABLE} too",
    )
    return Meaning(LabelSpace("folder", labels), masks, guessed)


def by_colour(
    rows: Sequence[tuple[str, Colour]], source: str, void: Iterable[Colour] = (), guessed: str = ""
) -> Meaning:
    """Classes with a colour each; see `by_index`.

    Args:
        rows: name and colour of each class, in the order of the training ids.
        source: what says so, for errors.
        void: colours of no class, unless they are of one.
        guessed: as in `Meaning`.

    Raises:
        ValueError: fewer than two classes, or a name or a colour twice.
    """
    names, colours = _checked(rows, source)
    labels = tuple(Label(name, colour, name) for name, colour in zip(names, colours, strict=True))
    ids = dict.fromkeys(void, VOID) | {colour: place for place, colour in enumerate(colours)}
    masks = ColourMasks(ids, f"colours of {source}")
    return Meaning(LabelSpace("folder", labels), masks, guessed)


def _checked(rows: Sequence[tuple[str, object]], source: str) -> tuple[tuple[str, ...], tuple]:
    if len(rows) < 2:
        raise ValueError(f"{source}: expected two classes or more. Received: {len(rows)}")
    for column, what in enumerate(("name", "value")):
        values = [row[column] for row in rows]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(f"{source}: expected each {what} once. Received: {twice!r} twice")
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


def text_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8 that are not empty.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        lines = read_small(path).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"{path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8. Received: {error}") from error
    return [line for line in lines if line.strip()]


def found_in(files: Iterable[Path], root: Path, void: Iterable[Colour] = ()) -> Meaning:
    """The classes that the label files themselves show, each named by its index or colour.

    Grey label files are taken for indices, others for colours. All files are read.

    Raises:
        ValueError: a file cannot be read, or there are fewer than two or very many values.
    """
    files = list(files)
    masks = [open_image(path) for path in files]
    if all(mask.mode != "RGB" and mask.getpalette() is None for mask in masks):
        return _found_indices(files, root)
    colours: set[Colour] = set()
    for mask, path in zip(masks, files, strict=True):
        pixels = np.asarray(mask.convert("RGB")).reshape(-1, 3)
        colours.update((int(r), int(g), int(b)) for r, g, b in np.unique(pixels, axis=0))
        _check_number(len(colours), path)
    rows = [("colour {} {} {}".format(*colour), colour) for colour in sorted(colours - {*void})]
    guessed = (
        f"{root}: no file names the classes, so each of the {len(rows)} colours in the label files "
        f"is a class, {_list([name for name, _ in rows])}; {BY_TABLE}"
    )
    return by_colour(rows, f"the label files in {root}", void, guessed)


def _found_indices(files: Sequence[Path], root: Path) -> Meaning:
    as_stored = IndexMasks({value: value for value in range(VOID + 1)}, "indices")
    indices: set[int] = set()
    for path in files:
        indices.update(np.unique(as_stored.decode(open_image(path), path)).tolist())
        _check_number(len(indices), path)
    rows = [(f"class {index}", index) for index in sorted(indices)]
    guessed = (
        f"{root}: no file names the classes, so each of the {len(rows)} indices in the label files "
        f"is a class, {_list([name for name, _ in rows])}; {BY_TABLE}"
    )
    return by_index(rows, f"the label files in {root}", guessed)


def _list(names: Sequence[str]) -> str:
    """The names, of many the first."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _check_number(number: int, path: Path) -> None:
    if number > MOST:
        raise ValueError(
            f"{path}: expected at most {MOST} indices or colours in all label files, where no file "
            f"names the classes. Received: {number} or more; {BY_TABLE}"
        )
