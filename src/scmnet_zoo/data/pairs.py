"""The images and labels of a split as the layouts have them, whether or not they are paired.

A reader raises at the first frame that is not whole; here they are all listed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scmnet_zoo.data.bdd100k import SPLITS as BDD100K_SPLITS
from scmnet_zoo.data.camvid import segnet_split
from scmnet_zoo.data.dataset import entries, find_layout, named_files, subfolders
from scmnet_zoo.data.folder import IMAGE_SUFFIXES, MASK_SUFFIXES
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.pack import packed_splits

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Listing:
    """The files of a split.

    Attributes:
        names: of all frames that the split is to have, or has one file of.
        images: those that are there, by name.
        labels: those that are there, by name.
    """

    names: tuple[str, ...]
    images: Mapping[str, Path]
    labels: Mapping[str, Path]


def splits_of(dataset: str, root: str | os.PathLike) -> tuple[str, ...]:
    """The splits that a dataset may have: of `"folder"` those that are there, of a pack its own.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it, or a file of `write_pack`.

    Raises:
        ValueError: the file is no pack, or a folder is missing.
    """
    root = Path(root)
    if root.is_file():
        return packed_splits(root)
    if dataset == "bdd100k":
        return BDD100K_SPLITS
    if dataset != "folder":
        return SPLITS
    found = [entry.name for entry in subfolders(root / "images")]
    if not found:
        found = [entry.name[:-4] for entry in entries(root) if entry.name.endswith(".txt")]
    return tuple(sorted(found, key=lambda name: (*SPLITS, name).index(name)))


def is_there(dataset: str, root: str | os.PathLike, split: str) -> bool:
    """Whether a split has a list or a folder, or files by their names; it may be faulty still."""
    root = Path(root)
    if root.is_file():
        return split in packed_splits(root)
    places = [root / f"{split}.txt", root / split]
    places += [root / kind / split for kind in ("images", "leftImg8bit", *_BDD100K_IMAGES)]
    if any(place.exists() for place in places):
        return True
    try:
        return dataset == "camvid" and bool(listing(dataset, root, split).names)
    except ValueError:
        return False


_BDD100K_IMAGES = ("images/10k", "seg/images")


def listing(dataset: str, root: str | os.PathLike, split: str) -> Listing:
    """The files of a split, by the dataset's layout.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it.
        split: the name of the split.

    Raises:
        ValueError: another layout, no list where there has to be one, or a folder is missing.
    """
    root = Path(root)
    if dataset == "camvid":
        return _camvid(root, split)
    if dataset == "cityscapes":
        images = named_files(root / "leftImg8bit" / split, ("_leftimg8bit.png",))
        fine = root / "gtFine" / split
        labels = named_files(fine, ("_gtfine_labelids.png",))
        return _either(images, labels or named_files(fine, ("_gtfine_labeltrainids.png",)))
    if dataset == "bdd100k":
        masks = ("labels/sem_seg/masks", "seg/labels")
        layouts = [*zip(_BDD100K_IMAGES, masks, strict=True)]
        images_folder, labels_folder = (root / part / split for part in find_layout(root, layouts))
        labels = named_files(labels_folder, ("_train_id.png", ".png"))
        return _either(named_files(images_folder, (".jpg",)), labels)
    if dataset == "folder":
        if (root / "images" / split).is_dir():
            images = named_files(root / "images" / split, IMAGE_SUFFIXES)
            return _either(images, named_files(root / "masks" / split, MASK_SUFFIXES))
        images = named_files(root / "images", IMAGE_SUFFIXES)
        names = listed_names(root / f"{split}.txt", images)
        return _of(names, images, named_files(root / "masks", MASK_SUFFIXES))
    raise ValueError(f"Expected a dataset whose layout is known. Received: {dataset!r}")


def _camvid(root: Path, split: str) -> Listing:
    original = ("701_StillsRaw_full", "LabeledApproved_full")
    layout = find_layout(root, [("images", "labels"), original, (split, f"{split}annot")])
    images_folder, labels_folder = (root / part for part in layout)
    names_file = root / f"{split}.txt"
    if layout == ("images", "labels"):
        images = named_files(images_folder, (".webp",))
        return _of(listed_names(names_file, images), images, named_files(labels_folder, (".png",)))
    images = named_files(images_folder, (".png",))
    if layout != original:
        return _either(images, named_files(labels_folder, (".png",)))
    labels = named_files(labels_folder, ("_l.png",))
    if names_file.exists():
        return _of(listed_names(names_file, images), images, labels)
    names = [name for name in _either(images, labels).names if segnet_split(name) == split]
    return _of(names, images, labels)


def _either(images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    return Listing(tuple(sorted({*images, *labels})), images, labels)


def _of(names: list[str], images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    return Listing(tuple(dict.fromkeys(names)), images, labels)
