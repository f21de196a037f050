"""Build label spaces from a list of classes, or from the values in label files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.data.dataset import reason
from scmnet_zoo.data.labels import VOID, Colour, Label, LabelSpace, palette_for
from scmnet_zoo.data.listing import Meaning
from scmnet_zoo.data.lists import LONGEST
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, some
from scmnet_zoo.files import read_small
from scmnet_zoo.image_files import open_image

MOST = 64  # largest number of different values; photographs and blurred labels have more
BY_TABLE = "a classes.toml in that folder names them"


def by_index(rows: Sequence[tuple[str, int]], source: str, guessed: str = "") -> Meaning:
    """Return classes that each have an index.

    Args:
        rows: name and index of each class, in the order of the training ids.
        source: source of the rows, for errors.
        guessed: as in `Meaning`.

    Raises:
        ValueError: fewer than two classes, or a repeated name or index.
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
    """Return classes that each have a colour.

    Args:
        rows: name and colour of each class, in the order of the training ids.
        source: source of the rows, for errors.
        void: colours that are void, unless a class has them.
        guessed: as in `Meaning`.

    Raises:
        ValueError: fewer than two classes, or a repeated name or colour.
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
    """Return the lines of a UTF-8 text file that are not empty.

    Raises:
        ValueError: the file cannot be read, or a line is too long.
    """
    try:
        lines = read_small(path).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"{path}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8. Received: {error}") from error
    longest = max(map(len, lines), default=0)
    if longest > LONGEST:
        raise ValueError(f"{path}: expected a class a line. Received: {longest} characters in one")
    return [line for line in lines if line.strip()]


def found_in(files: Iterable[Path], root: Path, void: Sequence[Colour] = ()) -> Meaning:
    """Return a class for each value in label files, named by its index or colour.

    All files are read: as indices if the first is grey, else as colours.

    Raises:
        ValueError: a file cannot be read, or the files have fewer than two or more than 64 values.
    """
    values: set[int] = set()  # indices, or colours as one number
    as_indices = None
    for path in files:
        mask = open_image(path)
        if as_indices is None:
            as_indices = mask.mode not in ("P", "RGB", "RGBA")
        if as_indices:
            values.update(np.unique(_AS_STORED.decode(mask, path)).tolist())
        else:
            pixels = np.asarray(mask.convert("RGB")).astype(np.int32)
            values.update(np.unique(pixels @ (1 << 16, 1 << 8, 1)).tolist())
        if len(values) > MOST:
            raise ValueError(
                f"{path}: expected at most {MOST} indices or colours in all label files, where no "
                f"file names the classes. Received: {len(values)} or more; {BY_TABLE}"
            )
    source = f"the label files in {root}"
    if as_indices:
        rows = [(f"class {value}", value) for value in sorted(values)]
        return by_index(rows, source, _guessed(root, "indices", [name for name, _ in rows]))
    colours = [(value >> 16, value >> 8 & 255, value & 255) for value in sorted(values)]
    named = [(f"colour {r} {g} {b}", (r, g, b)) for r, g, b in colours if (r, g, b) not in void]
    guessed = _guessed(root, "colours", [name for name, _ in named])
    return by_colour(named, source, void, guessed)


_AS_STORED = IndexMasks({value: value for value in range(VOID + 1)}, "indices")


def _guessed(root: Path, what: str, names: Sequence[str]) -> str:
    return (
        f"{root}: no file names the classes, so each of the {len(names)} {what} in the label files "
        f"is a class, {some(names)}; {BY_TABLE}"
    )
