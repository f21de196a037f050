"""List the images and labels of a split, including frames that lack one of them.

Readers raise an error at the first incomplete frame; these functions list all frames.
"""

import os
from pathlib import Path

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.data.listing import Files, Listing
from scmnet_zoo.data.pack import packed_splits

SPLITS = ("train", "val", "test")


def splits_of(dataset: str, root: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the splits that a dataset can have; for `"folder"` and packs the existing splits.

    Args:
        dataset: key of `READERS`.
        root: folder of the dataset, or a file of `write_pack`.

    Raises:
        ValueError: the dataset is unknown, the file is not a pack, or a folder is missing.
    """
    root = Path(root)
    if root.is_file():
        return packed_splits(root)
    return _files(dataset).splits(root)


def is_there(dataset: str, root: str | os.PathLike[str], split: str) -> bool:
    """Whether a split has a list, a folder or files. The split may still be incomplete.

    Raises:
        ValueError: the dataset is unknown.
    """
    root = Path(root)
    if root.is_file():
        return split in packed_splits(root)
    return _files(dataset).has(root, split)


def listing(dataset: str, root: str | os.PathLike[str], split: str) -> Listing:
    """Return the files of a split.

    Args:
        dataset: key of `READERS`.
        root: folder of the dataset.
        split: name of the split.

    Raises:
        ValueError: the dataset is unknown, the folder has another layout, or a list or folder is
            missing.
    """
    return _files(dataset).listing(Path(root), split)


def _files(dataset: str) -> Files:
    return DATASET_CARDS[dataset].load_files()
