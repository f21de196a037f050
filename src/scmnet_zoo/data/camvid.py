"""Reader of CamVid with 11 classes, in five layouts. `camvid_copies` describes two of them.

The zoo's layout:

    images/NAME.webp                   RGB, 960x720 or 480x360
    labels/NAME.png                    8-bit training ids 0..10, 255 void
    train.txt, val.txt, test.txt       one NAME a line

SegNet's layout, with 480x360 pixels:

    SPLIT/NAME.png                     RGB
    SPLITannot/NAME.png                8-bit training ids 0..10, 11 void

The original layout, with 960x720 pixels:

    701_StillsRaw_full/NAME.png        RGB
    LabeledApproved_full/NAME_L.png    RGB, the colours of 32 classes
    train.txt, val.txt, test.txt       one NAME a line; if missing, SegNet's split is used

Source: Brostow, Fauqueur, Cipolla 2009, doi 10.1016/j.patrec.2008.04.005; the split and the 11
classes are those of SegNet, arXiv 1511.00561.
"""

import os
from pathlib import Path

from scmnet_zoo.data.camvid_classes import ORIGINAL_MASKS
from scmnet_zoo.data.camvid_copies import COPIES
from scmnet_zoo.data.camvid_split import segnet_split
from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    Sample,
    check_split,
    chosen,
    find_layout,
    named_files,
    paired,
    some_files,
)
from scmnet_zoo.data.labels import CAMVID, VOID
from scmnet_zoo.data.listing import Files, Listing, either, fitting, of, opened
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.masks import IndexMasks, training_ids

SPLITS = ("train", "val", "test")

_ZOO = ("images", "labels")
_ORIGINAL = ("701_StillsRaw_full", "LabeledApproved_full")

_SEGNET_MASKS = IndexMasks(
    {number: number for number in range(len(CAMVID.labels))} | {len(CAMVID.labels): VOID},
    "indices of SegNet's CamVid",
)


def camvid(root: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of CamVid.

    Args:
        root: folder of the dataset, in one of the five layouts.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError: an unknown split, another layout, no list, an empty split, or a missing frame.
    """
    check_split(split, SPLITS)
    root = Path(root)
    copy = fitting(COPIES, root)
    if copy is not None:
        return opened("camvid", copy, root, split)
    layout = find_layout(root, [_ZOO, _ORIGINAL, _segnet_folders(split)])
    if layout == _ZOO:
        samples, reader = _zoo(root, split), FileReader(training_ids(CAMVID))
    elif layout == _ORIGINAL:
        samples, reader = _original(root, split), FileReader(ORIGINAL_MASKS)
    else:
        samples, reader = _segnet(root, split), FileReader(_SEGNET_MASKS)
    return Dataset("camvid", split, CAMVID, samples, reader)


def _segnet_folders(split: str) -> tuple[str, str]:
    return split, f"{split}annot"


def _zoo(root: Path, split: str) -> tuple[Sample, ...]:
    names_file = root / f"{split}.txt"
    samples = tuple(
        Sample(name, root / "images" / f"{name}.webp", root / "labels" / f"{name}.png")
        for name in listed_names(names_file, named_files(root / "images", (".webp",)))
    )
    for sample in samples:
        for path in (sample.image, sample.label):
            if not path.is_file():
                raise ValueError(
                    f"Expected the file {path}, named in {names_file}. Received: no such file"
                )
    return samples


def _segnet(root: Path, split: str) -> tuple[Sample, ...]:
    folder = root / f"{split}annot"
    return paired(
        some_files(root / split, (".png",)), named_files(folder, (".png",)), folder, ".png"
    )


def _original(root: Path, split: str) -> tuple[Sample, ...]:
    stills, folder = (root / name for name in _ORIGINAL)
    names_file = root / f"{split}.txt"
    images = some_files(stills, (".png",))
    if names_file.exists():
        images = chosen(images, listed_names(names_file, images), names_file)
    else:
        every = images
        images = {name: file for name, file in every.items() if segnet_split(name) == split}
        if not images:
            raise ValueError(
                f"Expected frames of the split {split} in {stills}. "
                f"Received: {len(every)} of other splits, such as {next(iter(every))}"
            )
    labels = named_files(folder, ("_l.png",))
    labels = {name: file for name, file in labels.items() if name in images}
    return paired(images, labels, folder, "_L.png")


def _listing(root: Path, split: str) -> Listing:
    copy = fitting(COPIES, root)
    if copy is not None:
        return copy.listing(root, split)
    layout = find_layout(root, [_ZOO, _ORIGINAL, _segnet_folders(split)])
    images_folder, labels_folder = (root / part for part in layout)
    names_file = root / f"{split}.txt"
    if layout == _ZOO:
        images = named_files(images_folder, (".webp",))
        return of(listed_names(names_file, images), images, named_files(labels_folder, (".png",)))
    images = named_files(images_folder, (".png",))
    if layout != _ORIGINAL:
        return either(images, named_files(labels_folder, (".png",)))
    labels = named_files(labels_folder, ("_l.png",))
    if names_file.exists():
        return of(listed_names(names_file, images), images, labels)
    names = [name for name in either(images, labels).names if segnet_split(name) == split]
    return of(names, images, labels)


def _has(root: Path, split: str) -> bool:
    copy = fitting(COPIES, root)
    if copy is not None:
        return split in copy.splits(root)
    if (root / f"{split}.txt").exists() or (root / split).exists():
        return True
    try:
        return bool(_listing(root, split).names)
    except ValueError:
        return False


FILES = Files(lambda root: SPLITS, _has, _listing)
