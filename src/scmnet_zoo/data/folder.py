"""One's own data: a folder of images, a folder of masks, and a table of the classes.

    classes.toml
    images/SPLIT/NAME.jpg       or another suffix of an image that `segment` reads
    masks/SPLIT/NAME.png        or .bmp, .tif, .gif, .pgm, ...: indices (grey or palette) or RGB

There may be folders in the folder of a split; they are part of NAME. Without folders of splits the
files lie in `images` and `masks` themselves, and `SPLIT.txt` beside these lists one NAME a line.
"""

import dataclasses
import logging
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, TypeVar

from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    chosen,
    entries,
    files_in,
    find_layout,
    left_out,
    named_files,
    paired,
    reason,
    some_files,
    subfolders,
)
from scmnet_zoo.data.labels import VOID, Colour, Label, LabelSpace, composed, palette_for
from scmnet_zoo.data.listing import Layout, Meaning, fitting, opened
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, Masks, MixedMasks
from scmnet_zoo.data.predictions import predicted_colours
from scmnet_zoo.data.roboflow import ROBOFLOW
from scmnet_zoo.data.voc import VOC
from scmnet_zoo.files import read_small
from scmnet_zoo.image_files import (
    LOSSY_SUFFIXES,
    MASK_SUFFIXES,
    SUFFIXES,
    left_out_in_words,
    open_image,
)

_log = logging.getLogger(__name__)

TABLE = "classes.toml"
LEFT_OUT = "%s: left out, as no image by its name: %s"

SEPARATORS = "_-. "  # before what the names of masks have more than those of images

ADVICE = "give the class that each stands for {}, or list it in {}"

Value = TypeVar("Value")

AMERICAN = {"color": "colour", "void_colors": "void_colours"}  # spellings that are read too
_KEYS = ("class", "void_indices", "void_colours")
_CLASS_KEYS = ("name", "index", "colour", "category")


def folder(root: str | os.PathLike, split: str) -> Dataset:
    """One split of one's own data.

    Args:
        root: the folder that holds `images`, `masks` and `classes.toml`.
        split: the name of a folder in `images`, or of a list.

    Raises:
        ValueError: no such split, another layout, a faulty table of classes, no images, two images
            of one name, or an image without a mask.
    """
    root = Path(root)
    layout = shipped_layout(root)
    if layout is not None:
        table = root / TABLE
        meaning = Meaning(*class_table(table)) if table.is_file() else None
        return opened("folder", layout, root, split, meaning)
    find_layout(root, [("images", "masks")])
    space, masks = class_table(root / TABLE)
    if isinstance(masks, IndexMasks):  # the table has no colours
        space = _with_colours_of_masks(space, root / "masks")
    if split in ("", "..") or Path(split).name != split:
        raise ValueError(f"Expected split to be the name of a folder. Received: split={split!r}")
    images_folder, masks_folder = root / "images", root / "masks"
    names_file = root / f"{split}.txt"
    if os.path.isdir(images_folder / split):
        images_folder, masks_folder = images_folder / split, masks_folder / split
        images = some_files(images_folder, SUFFIXES)
        found, ending = named_masks(images, masks_folder)
    elif os.path.isfile(names_file):
        images = some_files(images_folder, SUFFIXES)
        images = chosen(images, listed_names(names_file, images), names_file)
        found, ending = named_masks(images, masks_folder)
        found = {name: path for name, path in found.items() if name in images}
    else:
        splits = [entry.name for entry in subfolders(images_folder)]
        splits += [entry.name for entry in entries(root) if entry.name.endswith(".txt")]
        raise ValueError(
            f"Expected the folder {images_folder / split} or the list {names_file}. "
            f"Received: {', '.join(splits) or 'neither folders nor lists'}"
        )
    for name, image in images.items():
        lossy = [masks_folder / f"{name}{suffix}" for suffix in LOSSY_SUFFIXES if name not in found]
        for path in filter(os.path.isfile, lossy):
            raise ValueError(
                f"Expected a lossless mask of {image}, one of {', '.join(MASK_SUFFIXES)}. "
                f"Received: {path}"
            )
    others = left_out(images_folder, SUFFIXES)
    if others:
        _log.warning(LEFT_OUT, images_folder, left_out_in_words(others))
    samples = paired(images, found, masks_folder, ending)
    return Dataset("folder", split, space, samples, FileReader(masks))


def shipped_layout(root: Path) -> Layout | None:
    """The layout of a tool that a folder has, where it has not that of this module."""
    if os.path.isdir(root / "images") and os.path.isdir(root / "masks"):
        return None
    return fitting((ROBOFLOW, VOC), root)


def named_masks(images: Container[str], masks_folder: Path) -> tuple[dict[str, Path], str]:
    """Masks by the names of their images, and what the names of their files end in.

    Where no mask has the name of an image, the names of masks may all have the same more at their
    end, such as `0001_mask.png` for `0001.jpg`.

    Args:
        images: the names of the images.
        masks_folder: where the masks are.

    Raises:
        ValueError: the folder cannot be read, two masks have one name, or masks come with two
            such ends.
    """
    found = named_files(masks_folder, MASK_SUFFIXES)
    if any(name in images for name in found):
        return found, MASK_SUFFIXES[0]
    ends: dict[str, str] = {}  # by the masks' names
    for name in found:
        starts = (place for place in range(len(name) - 1, 0, -1) if name[place] in SEPARATORS)
        place = next((place for place in starts if name[:place] in images), None)
        if place is not None:
            ends[name] = name[place:]
    if not ends:
        return found, MASK_SUFFIXES[0]
    (end, count), *others = Counter(ends.values()).most_common()
    if others and others[0][1] == count:
        first, second = (next(n for n in ends if ends[n] == e) for e in (end, others[0][0]))
        raise ValueError(
            f"Expected one mask of each image in {masks_folder}. Received: "
            f"{found[first].name} and {found[second].name}; move the others elsewhere"
        )
    named = {name[: -len(end)] if ends.get(name) == end else name: p for name, p in found.items()}
    return named, f"{end}{MASK_SUFFIXES[0]}"


def _with_colours_of_masks(space: LabelSpace, masks_folder: Path) -> LabelSpace:
    """The classes in the colours of the first mask, where it has a palette that tells them apart.

    A palette in which every class has the grey of its index is none.
    """
    paths = files_in(masks_folder)
    path = next((path for path in paths if path.name.lower().endswith(MASK_SUFFIXES)), None)
    if path is None:
        return space
    try:
        mask = open_image(path)
    except (ValueError, OSError):  # the reader of the frame says so
        return space
    stated = predicted_colours(mask)
    if stated is not None:  # its values are no indices of the table
        known = set(space.classes) <= set(stated)
        return _coloured(space, [stated[name] for name in space.classes]) if known else space
    values = mask.getpalette("RGB")
    count = 0 if values is None else len(values) // 3
    if values is None or max(space.ids) >= count:
        return space
    red, green, blue = (values[channel::3] for channel in range(3))
    colours = [(red[index], green[index], blue[index]) for index in space.ids]
    greys = [(index, index, index) for index in space.ids]
    if len(set(colours)) < len(colours) or colours == greys:
        return space
    return _coloured(space, colours)


def _coloured(space: LabelSpace, colours: Sequence[Colour]) -> LabelSpace:
    pairs = zip(space.labels, colours, strict=True)
    labels = tuple(dataclasses.replace(label, colour=colour) for label, colour in pairs)
    return dataclasses.replace(space, labels=labels)


def class_table(path: Path) -> tuple[LabelSpace, Masks]:
    """The classes of `classes.toml`, and how masks are read by them.

    The table has a `[[class]]` for each class, in the order of the training ids, with its `name`
    and, each for all classes or for none, its `index` in grey and palette masks and its `colour`
    in RGB masks; a class also may have a `category`, which else is its name. `void_indices` and
    `void_colours` list what belongs to no class; where the former is not given, 255 is void
    unless it is a class. Without indices and colours a class's index is its place. With colours
    alone, grey and palette masks are read by the colours they show. `color` and `void_colors` are
    read as `colour` and `void_colours`, and names that differ only in how Unicode composes their
    letters are one name.

    Raises:
        ValueError: the file is missing or no TOML, a key is missing, unknown or of another kind,
            a name, an index or a colour stands twice, or there is one class only.
    """
    table = _read(path)
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


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(read_small(path).decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(
            f"Expected the table of classes {path}. Received: {reason(error)}"
        ) from error
    except ValueError as error:  # of TOML, of UTF-8, or of a number of thousands of digits
        raise ValueError(f"{path}: expected TOML. Received: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: expected TOML. Received: lists in lists without end") from error
    table = _british(path, table)
    _check_keys(path, table, _KEYS)
    return table


def _rows(path: Path, table: dict[str, Any]) -> list[dict[str, Any]]:
    """The classes, of which there have to be some, each a table of known keys."""
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
    """The table with each key in one spelling."""
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


def _text(path: Path, row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path}: expected a text as each class's {key}. Received: {value!r}")
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
    """What the classes give under a key: all of them, or else none of them may."""
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
    """What is void by a key of the table, which may be there only where classes have the same."""
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
    """From what stands for classes to their places and from what is void to 255; each once."""
    places: dict[Value, int] = {}
    for place, value in [*enumerate(classes), *((VOID, value) for value in void)]:
        if value in places:
            raise ValueError(f"{path}: expected each {what} once. Received: {value!r} twice")
        places[value] = place
    return places
