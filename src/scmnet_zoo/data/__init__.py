"""Datasets: what their labels mean, and how they are read and augmented."""

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

# The readers of datasets by name: from a folder and a split to a `Dataset`.
READERS: Mapping[str, Callable[[str | os.PathLike[str], str], Dataset]] = DATASET_CARDS.table(
    DatasetCard.load_reader
)


def reader_of(dataset: str) -> Callable[[str | os.PathLike[str], str], Dataset]:
    """The reader of a dataset.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    return READERS[dataset]


def dataset_of(root: str | os.PathLike[str], dataset: str | None = None) -> str:
    """The name of a dataset: the one given, else what is found, else `"camvid"`.

    A file of `write_pack` says its dataset; a folder with a `classes.toml` is `"folder"`.

    Args:
        root: the folder that holds it, or a file of `write_pack`.
        dataset: what the caller says, None for nothing.

    Raises:
        ValueError: a file that is no pack.
    """
    if dataset is not None:
        return dataset
    if os.path.isfile(root):
        return packed(root, next(iter(packed_splits(root)), "")).name
    return "folder" if os.path.isfile(os.path.join(root, TABLE)) else "camvid"


def open_dataset(dataset: str, root: str | os.PathLike[str], split: str) -> Dataset:
    """One split of a dataset, by the dataset's name.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it, or a file of `write_pack`.
        split: the name of the split.

    Raises:
        ValueError: no such dataset or split, what the reader finds wrong with the folder, or a file
            that is no pack or holds another dataset.
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
