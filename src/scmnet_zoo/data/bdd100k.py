"""BDD100K's semantic segmentation, with the 19 classes of Cityscapes as training ids.

    images/10k/SPLIT/NAME.jpg                 RGB, 1280x720
    labels/sem_seg/masks/SPLIT/NAME.png       8-bit training ids 0..18, 255 void

In the first release the folders are `seg/images` and `seg/labels`, and the masks are named
NAME_train_id.png. Both names of masks are read from both.

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
from scmnet_zoo.data.masks import label_ids, training_ids

SPLITS = ("train", "val")  # the labels of the test split are not published

_LAYOUTS = [("images/10k", "labels/sem_seg/masks"), ("seg/images", "seg/labels")]
_MASKS = dataclasses.replace(
    training_ids(BDD100K),
    others=frozenset(label_ids(CITYSCAPES).ids),
    advice="these look like labelIds of cityscapes",
)


def bdd100k(root: str | os.PathLike, split: str) -> Dataset:
    """One split of BDD100K's semantic segmentation.

    Args:
        root: the folder that holds `images/10k` and `labels/sem_seg/masks`.
        split: `"train"` or `"val"`.

    Raises:
        ValueError: an unknown split, another layout, no images, or an image without a label.
    """
    check_split(split, SPLITS)
    root = Path(root)
    images_folder, labels_folder = find_layout(root, _LAYOUTS)
    images = some_files(root / images_folder / split, (".jpg",))
    folder = root / labels_folder / split
    labels = named_files(folder, ("_train_id.png", ".png"))
    samples = paired(images, labels, folder, ".png")
    return Dataset("bdd100k", split, BDD100K, samples, FileReader(_MASKS))
