"""Layout of Roboflow's export of semantic segmentation as PNG masks.

    train/NAME.jpg         and valid, test
    train/NAME_mask.png    8-bit indices
    train/_classes.csv     a line for each class, `0, background`, after a header line

A `classes.toml` in the folder replaces the lists. Without both, each index is a class.
"""

import os
from pathlib import Path

from scmnet_zoo.data.dataset import entries, named_files
from scmnet_zoo.data.labels import VOID
from scmnet_zoo.data.listing import Layout, Listing, Meaning, either
from scmnet_zoo.data.meanings import by_index, found_in, text_lines
from scmnet_zoo.images import SUFFIXES

MASK = "_mask"
CLASSES = "_classes.csv"
FOLDERS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}


def _folder(root: Path, split: str) -> Path:
    """Return the folder of a split. The folder of `val` can be named `valid`."""
    folders = [root / name for name in FOLDERS.get(split, ())]
    return next((folder for folder in folders if _has_masks(folder)), root / split)


def _has_masks(folder: Path) -> bool:
    return os.path.isdir(folder) and any(
        entry.name.lower().endswith(f"{MASK}.png") for entry in entries(folder)
    )


def _splits(root: Path) -> tuple[str, ...]:
    return tuple(split for split in FOLDERS if _has_masks(_folder(root, split)))


def _listing(root: Path, split: str) -> Listing:
    folder = _folder(root, split)
    labels = named_files(folder, (f"{MASK}.png",))
    images = {
        name: path
        for name, path in named_files(folder, SUFFIXES).items()
        if not name.lower().endswith(MASK)
    }
    return either(images, labels)


def _meaning(root: Path) -> Meaning:
    splits = _splits(root)
    tables = [_folder(root, split) / CLASSES for split in splits]
    tables = [path for path in (*tables, root / CLASSES) if os.path.isfile(path)]
    if not tables:
        masks = [path for split in splits for path in _listing(root, split).labels.values()]
        return found_in(masks, root)
    rows = _rows(tables[0])
    for path in tables[1:]:
        if _rows(path) != rows:
            raise ValueError(f"Expected in {path} the classes of {tables[0]}. Received: others")
    return by_index(rows, str(tables[0]))


def _rows(path: Path) -> list[tuple[str, int]]:
    """Read name and index of each class.

    Raises:
        ValueError: the file cannot be read, or a line has no index and name.
    """
    rows = []
    for line in text_lines(path)[1:]:
        index, name = (text.strip(' "') for text in line.partition(",")[::2])
        is_index = index.isdecimal() and len(index) < 4 and int(index) <= VOID
        if not is_index or not name:
            raise ValueError(f"{path}: expected an index and a name a line. Received: {line}")
        rows.append((name, int(index)))
    return rows


ROBOFLOW = Layout(
    lambda root: bool(_splits(root)), _splits, _listing, _folder, f"{MASK}.png", _meaning
)
