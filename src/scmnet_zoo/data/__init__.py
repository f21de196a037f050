"""Datasets: label spaces, readers, packed files and augmentation."""

import logging
import os
from collections.abc import Callable, Mapping

from scmnet_zoo.catalogue.datasets import DATASET_CARDS, DatasetCard
from scmnet_zoo.data.bdd100k import bdd100k
from scmnet_zoo.data.camvid import camvid
from scmnet_zoo.data.cityscapes import cityscapes
from scmnet_zoo.data.dataset import Dataset, Sample
from scmnet_zoo.data.folder import TABLE, folder
from scmnet_zoo.data.labels import (
    BDD100K,
    CAMVID,
    CITYSCAPES,
    VOID,
    Label,
    LabelSpace,
    match_classes,
    palette_for,
)
from scmnet_zoo.data.pack import packed, packed_splits, write_pack

_log = logging.getLogger(__name__)

# Dataset name -> reader, a function of a folder and a split that returns a `Dataset`.
READERS: Mapping[str, Callable[[str | os.PathLike[str], str], Dataset]] = DATASET_CARDS.table(
    DatasetCard.load_reader
)


def reader_of(dataset: str) -> Callable[[str | os.PathLike[str], str], Dataset]:
    """Return the reader of a dataset.

    Raises:
        ValueError: the dataset is unknown; the message lists the known names.
    """
    return READERS[dataset]


def dataset_of(root: str | os.PathLike[str], dataset: str | None = None) -> str:
    """Return the given name of a dataset, or the name that its files imply.

    A file of `write_pack` states its dataset. A folder with a `classes.toml` is `"folder"`, any
    other folder `"camvid"`.

    Args:
        root: folder of the dataset, or a file of `write_pack`.
        dataset: name given by the caller. None to derive it from `root`.

    Raises:
        ValueError: the file is not a pack.
    """
    if dataset is not None:
        return dataset
    if os.path.isfile(root):
        return packed(root, next(iter(packed_splits(root)), "")).name
    return "folder" if os.path.isfile(os.path.join(root, TABLE)) else "camvid"


def open_dataset(dataset: str, root: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of a dataset.

    Args:
        dataset: key of `READERS`.
        root: folder of the dataset, or a file of `write_pack`.
        split: name of the split.

    Raises:
        ValueError: the dataset or split is unknown, the reader rejects the folder, or the file is
            not a pack or has another dataset.
    """
    if os.path.isfile(root):
        found = packed(root, split)
        if found.name != dataset:
            raise ValueError(f"{root}: expected the dataset {dataset}. Received: {found.name}")
        for line in found.guessed:
            _log.warning("%s", line)
        return found
    return reader_of(dataset)(root, split)


__all__ = [
    "BDD100K",
    "CAMVID",
    "CITYSCAPES",
    "READERS",
    "VOID",
    "Dataset",
    "Label",
    "LabelSpace",
    "Sample",
    "bdd100k",
    "camvid",
    "cityscapes",
    "dataset_of",
    "folder",
    "match_classes",
    "open_dataset",
    "packed",
    "palette_for",
    "reader_of",
    "write_pack",
]
