"""Reader of BDD100K's semantic segmentation. Its training ids are Cityscapes' 19 classes.

    images/10k/SPLIT/NAME.jpg                 RGB, 1280x720
    labels/sem_seg/masks/SPLIT/NAME.png       8-bit training ids 0..18, 255 void

In the first release the folders are `seg/images` and `seg/labels`, and masks are named
NAME_train_id.png. The reader accepts both names of masks in both releases.

Source: Yu et al. 2020, arXiv 1805.04687.
"""

import dataclasses
import os
from pathlib import Path

from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    check_split,
    find_layout,
    named_files,
    paired,
    some_files,
)
from scmnet_zoo.data.labels import BDD100K, CITYSCAPES
from scmnet_zoo.data.listing import Files, Listing, either
from scmnet_zoo.data.masks import label_ids, training_ids

SPLITS = ("train", "val")  # the labels of the test split are not published

_LAYOUTS = [("images/10k", "labels/sem_seg/masks"), ("seg/images", "seg/labels")]
_IMAGE_NAMES, _MASK_NAMES = (".jpg",), ("_train_id.png", ".png")
_MASKS = dataclasses.replace(
    training_ids(BDD100K),
    others=frozenset(label_ids(CITYSCAPES).ids),
    advice="these look like labelIds of cityscapes",
)


def bdd100k(root: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of BDD100K's semantic segmentation.

    Args:
        root: folder with `images/10k` and `labels/sem_seg/masks`.
        split: `"train"` or `"val"`.

    Raises:
        ValueError: an unknown split, another layout, no images, or an image without a label.
    """
    check_split(split, SPLITS)
    images_folder, labels_folder = _folders(Path(root), split)
    images = some_files(images_folder, _IMAGE_NAMES)
    labels = named_files(labels_folder, _MASK_NAMES)
    samples = paired(images, labels, labels_folder, ".png")
    return Dataset("bdd100k", split, BDD100K, samples, FileReader(_MASKS))


def _folders(root: Path, split: str) -> tuple[Path, Path]:
    """Return the folders of a split's images and labels."""
    images, labels = find_layout(root, _LAYOUTS)
    return root / images / split, root / labels / split


def _listing(root: Path, split: str) -> Listing:
    images, labels = _folders(root, split)
    return either(named_files(images, _IMAGE_NAMES), named_files(labels, _MASK_NAMES))


def _has(root: Path, split: str) -> bool:
    return any((root / images / split).exists() for images, _ in _LAYOUTS)


FILES = Files(lambda root: SPLITS, _has, _listing)
