"""Datasets: what their labels mean, and how they are read and augmented."""

from collections.abc import Callable

from scmnet_zoo.data.camvid import camvid
from scmnet_zoo.data.dataset import Dataset, Sample
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

# Readers of datasets by name: from a folder and a split to a `Dataset`.
READERS = {"camvid": camvid}


def reader_of(dataset: str) -> Callable[..., Dataset]:
    """The reader of a dataset.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if dataset not in READERS:
        raise ValueError(
            f"Expected dataset to be one of {', '.join(READERS)}. Received: {dataset!r}"
        )
    return READERS[dataset]


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
    "camvid",
    "match_classes",
    "palette_for",
    "reader_of",
]
