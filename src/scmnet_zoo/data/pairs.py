"""The images and labels of a split as the layouts have them, whether or not they are paired.

A reader raises at the first frame that is not whole; here they are all listed.
"""

import contextlib
import os
from pathlib import Path

from scmnet_zoo.data.bdd100k import SPLITS as BDD100K_SPLITS
from scmnet_zoo.data.camvid_copies import COPIES
from scmnet_zoo.data.camvid_split import segnet_split
from scmnet_zoo.data.class_table import TABLE, mask_suffix
from scmnet_zoo.data.dataset import entries, find_layout, named_files, subfolders
from scmnet_zoo.data.folder import named_masks, shipped_layout
from scmnet_zoo.data.listing import Layout, Listing, either, fitting, of
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.pack import packed_splits
from scmnet_zoo.image_files import SUFFIXES

SPLITS = ("train", "val", "test")


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
    layout = shipped_layout(root)
    if layout is not None:
        return tuple(sorted(layout.splits(root), key=_place))
    found = [entry.name for entry in subfolders(root / "images")]
    if not found:
        found = [entry.name[:-4] for entry in entries(root) if entry.name.endswith(".txt")]
    return tuple(sorted(found, key=_place))


def _place(split: str) -> int:
    """Where a split comes among others."""
    return (*SPLITS, split).index(split)


def _shipped(dataset: str, root: Path) -> Layout | None:
    """The layout of `Layout` that a folder has, if any."""
    if dataset == "camvid":
        return fitting(COPIES, root)
    return shipped_layout(root) if dataset == "folder" else None


def is_there(dataset: str, root: str | os.PathLike, split: str) -> bool:
    """Whether a split has a list or a folder, or files by their names; it may be faulty still."""
    root = Path(root)
    if root.is_file():
        return split in packed_splits(root)
    layout = _shipped(dataset, root)
    if layout is not None:
        return split in layout.splits(root)
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
    layout = _shipped(dataset, root)
    if layout is not None:
        return layout.listing(root, split)
    if dataset == "camvid":
        return _camvid(root, split)
    if dataset == "cityscapes":
        images = named_files(root / "leftImg8bit" / split, ("_leftimg8bit.png",))
        fine = root / "gtFine" / split
        labels = named_files(fine, ("_gtfine_labelids.png",))
        return either(images, labels or named_files(fine, ("_gtfine_labeltrainids.png",)))
    if dataset == "bdd100k":
        masks = ("labels/sem_seg/masks", "seg/labels")
        layouts = [*zip(_BDD100K_IMAGES, masks, strict=True)]
        images_folder, labels_folder = (root / part / split for part in find_layout(root, layouts))
        labels = named_files(labels_folder, ("_train_id.png", ".png"))
        return either(named_files(images_folder, (".jpg",)), labels)
    if dataset == "folder":
        suffix = None
        with contextlib.suppress(ValueError):  # the reader says what is wrong with the table
            suffix = mask_suffix(root / TABLE)
        if (root / "images" / split).is_dir():
            images = named_files(root / "images" / split, SUFFIXES)
            return either(images, named_masks(images, root / "masks" / split, suffix)[0])
        images = named_files(root / "images", SUFFIXES)
        names = listed_names(root / f"{split}.txt", images)
        return of(names, images, named_masks(images, root / "masks", suffix)[0])
    raise ValueError(f"Expected a dataset whose layout is known. Received: {dataset!r}")


def _camvid(root: Path, split: str) -> Listing:
    original = ("701_StillsRaw_full", "LabeledApproved_full")
    layout = find_layout(root, [("images", "labels"), original, (split, f"{split}annot")])
    images_folder, labels_folder = (root / part for part in layout)
    names_file = root / f"{split}.txt"
    if layout == ("images", "labels"):
        images = named_files(images_folder, (".webp",))
        return of(listed_names(names_file, images), images, named_files(labels_folder, (".png",)))
    images = named_files(images_folder, (".png",))
    if layout != original:
        return either(images, named_files(labels_folder, (".png",)))
    labels = named_files(labels_folder, ("_l.png",))
    if names_file.exists():
        return of(listed_names(names_file, images), images, labels)
    names = [name for name in either(images, labels).names if segnet_split(name) == split]
    return of(names, images, labels)
