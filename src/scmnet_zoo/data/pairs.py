"""The images and labels of a split, whether or not an image has a label.

A reader raises at the first frame that is not whole; these functions list all frames.
"""

import os
from pathlib import Path

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.data.listing import Files, Listing
from scmnet_zoo.data.pack import packed_splits

SPLITS = ("train", "val", "test")


def splits_of(dataset: str, root: str | os.PathLike[str]) -> tuple[str, ...]:
    """The splits that a dataset may have: of `"folder"` those that are there, of a pack its own.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it, or a file of `write_pack`.

    Raises:
        ValueError: no such dataset, the file is no pack, or a folder is missing.
    """
    root = Path(root)
    if root.is_file():
        return packed_splits(root)
    return _files(dataset).splits(root)


def is_there(dataset: str, root: str | os.PathLike[str], split: str) -> bool:
    """Whether a split has a list or a folder, or files by their names; it may be faulty still.

    Raises:
        ValueError: no such dataset.
    """
    root = Path(root)
    if root.is_file():
        return split in packed_splits(root)
    return _files(dataset).has(root, split)


def listing(dataset: str, root: str | os.PathLike[str], split: str) -> Listing:
    """The files of a split, by the dataset's layout.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it.
        split: the name of the split.

    Raises:
        ValueError: no such dataset, another layout, no list where there has to be one, or a folder
            is missing.
    """
    return _files(dataset).listing(Path(root), split)


def _files(dataset: str) -> Files:
    return DATASET_CARDS[dataset].load_files()
