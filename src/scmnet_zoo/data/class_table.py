"""Parser of `classes.toml`, the table of classes of a user's dataset."""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from scmnet_zoo.data.dataset import reason
from scmnet_zoo.data.labels import VOID, Colour, Label, LabelSpace, composed, palette_for
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, Masks, MixedMasks
from scmnet_zoo.files import read_small
from scmnet_zoo.image_files import MASK_SUFFIXES

TABLE = "classes.toml"

ADVICE = "give the class that each stands for {}, or list it in {}"

Value = TypeVar("Value")

AMERICAN = {"color": "colour", "void_colors": "void_colours"}  # alternative spellings of keys
_KEYS = ("class", "void_indices", "void_colours", "mask_suffix")
_CLASS_KEYS = ("name", "index", "colour", "category")


def class_table(path: Path) -> tuple[LabelSpace, Masks]:
    """Read `classes.toml` and return the label space and the decoder of masks.

    The table has a `[[class]]` for each class, in the order of the training ids, with these keys:

    - `name`.
    - `index`: value of the class in grey and palette masks, for all classes or for none.
    - `colour` (or `color`): colour of the class in RGB masks, for all classes or for none.
    - `category`: group of the class. Defaults to the name.

    `void_indices` and `void_colours` (or `void_colors`) list values of no class. Without
    `void_indices`, 255 is void unless it is a class. Without indices and colours, the index of a
    class is its position in the table. With colours alone, grey and palette masks are converted to
    RGB. Names are compared in Unicode NFC.

    Raises:
        ValueError: the file is missing or not TOML, a key is missing, unknown or of another type,
            a name, index or colour occurs twice, or the table has one class only.
    """
    table = _read(path)
    _ending(path, table)
    rows = _rows(path, table)
    names = [composed(_text(path, row, "name")) for row in rows]
    _places(path, "name", names)
    indices = _column(path, rows, "index", _index)
    colours = _column(path, rows, "colour", _colour)
    if indices is None and colours is None:
        indices = list(range(len(rows)))
    void_indices = _void(path, table, "void_indices", _index, indices)
    void_colours = _void(path, table, "void_colours", _colour, colours)
    assumed = indices is not None and "void_indices" not in table and VOID not in indices
    if assumed:
        void_indices = [VOID]

    shown = palette_for(tuple(names)) if colours is None else colours
    categories = [
        composed(_text(path, {"category": row["name"]} | row, "category")) for row in rows
    ]
    ids = [None] * len(rows) if indices is None else indices
    labels = tuple(map(Label, names, shown, categories, ids))
    space = LabelSpace("folder", labels, tuple(void_indices))
    by_index = IndexMasks(
        _places(path, "index", indices or [], void_indices),
        f"indices of {path}",
        others=frozenset(range(VOID + 1)),
        advice=ADVICE.format("its index", "void_indices"),
        assumed=frozenset([VOID] if assumed else []),
        classes=tuple(names),
    )
    by_colour = ColourMasks(
        _places(path, "colour", colours or [], void_colours),
        f"colours of {path}",
        ADVICE.format("its colour", "void_colours"),
    )
    if len(rows) < 2:
        raise ValueError(
            f"{path}: expected two classes or more, for one object 'background' and the object; "
            f"over one class miou is always 1. Received: {names[0]!r} alone"
        )
    if colours is None:
        return space, by_index
    return space, by_colour if indices is None else MixedMasks(by_index, by_colour)


def mask_suffix(path: Path) -> str | None:
    """Return the `mask_suffix` of `classes.toml`, or None.

    With `mask_suffix = "_labelIds"`, the mask of `NAME.jpg` is `NAME_labelIds.png`.

    Raises:
        ValueError: the file is missing or not TOML, or the suffix is not a string.
    """
    return _ending(path, _read(path))


def _ending(path: Path, table: dict[str, Any]) -> str | None:
    if "mask_suffix" not in table:
        return None
    ending = composed(_text(path, table, "mask_suffix", "a text as"))
    if "/" in ending:
        raise ValueError(f"{path}: expected mask_suffix without a folder. Received: {ending!r}")
    kind = next((kind for kind in MASK_SUFFIXES if ending.lower().endswith(kind)), "")
    return ending.removesuffix(ending[len(ending) - len(kind) :])


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(read_small(path).decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(
            f"Expected the table of classes {path}. Received: {reason(error)}"
        ) from error
    except ValueError as error:  # wrong TOML or UTF-8, or an integer with too many digits
        raise ValueError(f"{path}: expected TOML. Received: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: expected TOML. Received: too deeply nested lists") from error
    table = _british(path, table)
    _check_keys(path, table, _KEYS)
    return table


def _rows(path: Path, table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of the classes, with keys checked.

    Raises:
        ValueError: no class, too many classes, or an unknown key.
    """
    rows = table.get("class")
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise ValueError(f"{path}: expected a [[class]] for each class. Received: {rows!r}")
    if len(rows) > VOID:
        raise ValueError(f"{path}: expected at most {VOID} classes. Received: {len(rows)}")
    rows = [_british(path, row) for row in rows]
    for row in rows:
        _check_keys(path, row, _CLASS_KEYS)
    return rows


def _british(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Return the table with `color` keys spelt `colour`."""
    for american, british in AMERICAN.items():
        if american in table and british in table:
            raise ValueError(f"{path}: expected {british} once. Received: {american} besides")
    return {AMERICAN.get(key, key): value for key, value in table.items()}


def _check_keys(path: Path, table: dict[str, Any], known: Sequence[str]) -> None:
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ValueError(
            f"{path}: expected keys among {', '.join(known)}. Received: {', '.join(unknown)}"
        )


def _text(
    path: Path, row: dict[str, Any], key: str, expected: str = "a text as each class's"
) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path}: expected {expected} {key}. Received: {value!r}")
    return value


def _index(path: Path, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 255:
        raise ValueError(f"{path}: expected an index from 0 to 255. Received: {value!r}")
    return value


def _colour(path: Path, value: Any) -> Colour:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{path}: expected a colour [red, green, blue]. Received: {value!r}")
    if any(type(channel) is not int or not 0 <= channel <= 255 for channel in value):
        raise ValueError(f"{path}: expected a colour of 0 to 255 a channel. Received: {value}")
    red, green, blue = value
    return red, green, blue


def _column(
    path: Path, rows: list[dict[str, Any]], key: str, of: Callable[[Path, Any], Value]
) -> list[Value] | None:
    """Return the values of a key, one per class; None if no class has the key.

    Raises:
        ValueError: a part of the classes has the key.
    """
    without = [row.get("name") for row in rows if key not in row]
    if len(without) == len(rows):
        return None
    if without:
        raise ValueError(
            f"{path}: expected for each class or for none: {key}. Received: none for {without[0]!r}"
        )
    return [of(path, row[key]) for row in rows]


def _void(
    path: Path,
    table: dict[str, Any],
    key: str,
    of: Callable[[Path, Any], Value],
    classes: list[Value] | None,
) -> list[Value]:
    """Return the void values that a key of the table lists.

    Raises:
        ValueError: not a list, or classes have no values of this kind.
    """
    if key not in table:
        return []
    if not isinstance(table[key], list):
        raise ValueError(f"{path}: expected a list as {key}. Received: {table[key]!r}")
    if classes is None:
        raise ValueError(f"{path}: expected no {key}, as no class has one. Received: {table[key]}")
    return [of(path, value) for value in table[key]]


def _places(
    path: Path, what: str, classes: Sequence[Value], void: Sequence[Value] = ()
) -> dict[Value, int]:
    """Map the value of each class to its training id, and each void value to 255.

    Raises:
        ValueError: a value occurs twice.
    """
    places: dict[Value, int] = {}
    for place, value in [*enumerate(classes), *((VOID, value) for value in void)]:
        if value in places:
            raise ValueError(f"{path}: expected each {what} once. Received: {value!r} twice")
        places[value] = place
    return places
