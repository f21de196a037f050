"""Layout of Pascal VOC, in which CVAT and other tools export segmentation masks.

    JPEGImages/NAME.jpg
    SegmentationClass/NAME.png                 the colours of the classes, RGB or with a palette
    labelmap.txt                               a class a line, `road:128,64,128::`
    ImageSets/Segmentation/SPLIT.txt           one NAME a line

A `classes.toml` in the folder replaces `labelmap.txt`. Without both, each colour is a class.
Without lists, all frames are in the split `train`. VOC's border, 224,224,192, is void.
"""

import os
import re
from pathlib import Path

from scmnet_zoo.data.dataset import entries, named_files
from scmnet_zoo.data.labels import Colour
from scmnet_zoo.data.listing import Layout, Listing, Meaning, either, of
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.meanings import by_colour, found_in, text_lines
from scmnet_zoo.images import SUFFIXES

IMAGES, LABELS, LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
LABEL_MAP = "labelmap.txt"
BORDER = (224, 224, 192)
_LINE = re.compile(r"\s*(.+?)\s*:\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?::.*)?")


def _fits(root: Path) -> bool:
    return os.path.isdir(root / IMAGES) and os.path.isdir(root / LABELS)


def _splits(root: Path) -> tuple[str, ...]:
    if not os.path.isdir(root / LISTS):
        return ("train",)
    names = [entry.name for entry in entries(root / LISTS)]
    return tuple(name[:-4] for name in names if name.endswith(".txt")) or ("train",)


def _listing(root: Path, split: str) -> Listing:
    images = named_files(root / IMAGES, SUFFIXES)
    labels = named_files(root / LABELS, (".png",))
    file = root / LISTS / f"{split}.txt"
    return (
        of(listed_names(file, images), images, labels)
        if os.path.isfile(file)
        else either(images, labels)
    )


def _meaning(root: Path) -> Meaning:
    path = root / LABEL_MAP
    if not os.path.isfile(path):
        return found_in(named_files(root / LABELS, (".png",)).values(), root, [BORDER])
    return by_colour(_rows(path), str(path), [BORDER])


def _rows(path: Path) -> list[tuple[str, Colour]]:
    """Read name and colour of each class.

    Raises:
        ValueError: the file cannot be read, or a line has no name and colour.
    """
    rows = []
    for line in text_lines(path):
        if line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        colour = () if match is None else tuple(map(int, match.groups()[1:]))
        if match is None or max(colour) > 255:
            raise ValueError(f"{path}: expected lines NAME:RED,GREEN,BLUE::. Received: {line}")
        red, green, blue = colour
        rows.append((match[1], (red, green, blue)))
    return rows


VOC = Layout(_fits, _splits, _listing, lambda root, split: root / LABELS, ".png", _meaning)
