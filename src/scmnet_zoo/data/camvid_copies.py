"""Layouts of CamVid's copies on Kaggle and fast.ai, with 32 classes.

Kaggle's layout:

    SPLIT/NAME.png             RGB
    SPLIT_labels/NAME_L.png    RGB, the colours of 32 classes
    class_dict.csv             name and colour of each class, after a header line

fast.ai's layout:

    images/NAME.png            RGB
    labels/NAME_P.png          8-bit indices of 32 classes
    codes.txt                  the classes in the order of their indices
    valid.txt                  the images of val; the others are train. If missing: SegNet's split
"""

import os
from pathlib import Path
from typing import TypeVar

from scmnet_zoo.data.camvid_classes import ORIGINAL_CLASSES, ORIGINAL_MASKS, TRAINING_IDS
from scmnet_zoo.data.camvid_split import SEGNET_SPLIT, segnet_split
from scmnet_zoo.data.dataset import entries, named_files
from scmnet_zoo.data.labels import CAMVID, Colour
from scmnet_zoo.data.listing import Layout, Listing, Meaning, either, of
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.masks import ColourMasks, IndexMasks
from scmnet_zoo.data.meanings import text_lines

COLOURS, CODES, VALID = "class_dict.csv", "codes.txt", "valid.txt"
SUFFIXES = (".png", ".jpg")
Value = TypeVar("Value", int, Colour)


def _id(name: str, path: Path) -> int:
    """Return the training id of one of the 32 classes.

    Raises:
        ValueError: the name is unknown.
    """
    if name.strip().lower() not in TRAINING_IDS:
        raise ValueError(f"{path}: expected CamVid's 32 classes. Received: {name!r}")
    return TRAINING_IDS[name.strip().lower()]


def _some(ids: dict[Value, int], path: Path) -> dict[Value, int]:
    """Return the training ids of a list of classes, unless it is empty.

    Raises:
        ValueError: the list is empty.
    """
    if not ids:
        raise ValueError(f"{path}: expected CamVid's 32 classes. Received: none")
    return ids


# Kaggle


def _kaggle_splits(root: Path) -> tuple[str, ...]:
    return tuple(
        split
        for split in SEGNET_SPLIT
        if os.path.isdir(root / split) and os.path.isdir(_kaggle_labels(root, split))
    )


def _kaggle_labels(root: Path, split: str) -> Path:
    return root / f"{split}_labels"


def _kaggle_listing(root: Path, split: str) -> Listing:
    labels = named_files(_kaggle_labels(root, split), ("_l.png",))
    return either(named_files(root / split, SUFFIXES), labels)


def _kaggle_meaning(root: Path) -> Meaning:
    path = root / COLOURS
    if not os.path.isfile(path):
        return Meaning(CAMVID, ORIGINAL_MASKS)
    ids: dict[Colour, int] = {}
    for line in text_lines(path)[1:]:
        name, *values = (text.strip(' "') for text in line.split(","))
        if len(values) != 3 or not all(v.isdecimal() and len(v) < 4 for v in values):
            raise ValueError(
                f"{path}: expected a name and red, green, blue a line. Received: {line}"
            )
        red, green, blue = map(int, values)
        ids[red, green, blue] = _id(name, path)
    return Meaning(CAMVID, ColourMasks(_some(ids, path), f"colours of {path}"))


# fast.ai


def _fastai_fits(root: Path) -> bool:
    labels = root / "labels"
    if not (os.path.isdir(labels) and os.path.isdir(root / "images")):
        return False
    return any(entry.name.lower().endswith("_p.png") for entry in entries(labels))


def _fastai_files(root: Path) -> Listing:
    images = named_files(root / "images", SUFFIXES)
    return either(images, named_files(root / "labels", ("_p.png",)))


def _fastai_names(root: Path, split: str) -> list[str]:
    names, file = _fastai_files(root).names, root / VALID
    if not os.path.isfile(file):
        return [name for name in names if segnet_split(name) == split]
    listed = listed_names(file, names)
    if split == "val":
        return listed
    return [name for name in names if name not in {*listed}] if split == "train" else []


def _fastai_splits(root: Path) -> tuple[str, ...]:
    return tuple(split for split in SEGNET_SPLIT if _fastai_names(root, split))


def _fastai_listing(root: Path, split: str) -> Listing:
    files = _fastai_files(root)
    return of(_fastai_names(root, split), files.images, files.labels)


def _fastai_meaning(root: Path) -> Meaning:
    path = root / CODES
    if os.path.isfile(path):
        ids = {index: _id(name, path) for index, name in enumerate(text_lines(path))}
        return Meaning(CAMVID, IndexMasks(_some(ids, path), f"indices of {path}"))
    ids = {index: _id(name, path) for index, (name, *_) in enumerate(ORIGINAL_CLASSES)}
    guessed = (
        f"{path}: missing, so indices are read as CamVid's 32 classes in alphabetical order, "
        "0 for Animal and 31 for Wall"
    )
    return Meaning(CAMVID, IndexMasks(ids, "places of CamVid's 32 classes"), guessed)


COPIES = (
    Layout(
        lambda root: bool(_kaggle_splits(root)),
        _kaggle_splits,
        _kaggle_listing,
        _kaggle_labels,
        "_L.png",
        _kaggle_meaning,
    ),
    Layout(
        _fastai_fits,
        _fastai_splits,
        _fastai_listing,
        lambda root, split: root / "labels",
        "_P.png",
        _fastai_meaning,
    ),
)
