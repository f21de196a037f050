"""The cards of the datasets. A dataset is its reader in `data/`, a card here, and its test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scmnet_zoo.catalogue._cards import Cards, resolved

# What the command line calls a folder of images without labels, which is no dataset of these:
# only `scmnet-zoo train` takes it.
FRAMES = "frames"


@dataclass(frozen=True)
class Protocol:
    """What a network may see of a frame, and at what size its answer is compared.

    Attributes:
        name: what it goes by.
        size: (height, width) of the comparison and of the most the network sees, in pixels; None
            for the label's own size, and all of the image.
        full_size_only: leave out frames whose image is smaller than `size`.
        title: what it measures, in a line.
    """

    name: str
    size: tuple[int, int] | None
    full_size_only: bool
    title: str


CAMVID_A = Protocol("A", (360, 480), False, "all frames, seen and compared at 480x360")
CAMVID_B = Protocol("B", (720, 960), True, "frames of 960x720, seen and compared at 960x720")
FULL = Protocol("full", None, False, "all frames, compared at the label's own size")


@dataclass(frozen=True)
class DatasetCard:
    """A dataset with labels that the zoo reads.

    Attributes:
        key: what the command line and weight files call it.
        title: its name.
        reader: import path `"module:name"` of the function from a folder and a split to a
            `Dataset`, or the function itself.
        files: import path of the `scmnet_zoo.data.listing.Files` that find its files whether or
            not an image has a label, or the `Files` themselves.
        space: import path of its `scmnet_zoo.data.LabelSpace`, or the space; None where each
            folder has its own.
        splits: the splits it has; empty where each folder has its own.
        labelled: the splits whose labels are published, for measuring; the last is the usual one.
        protocols: how networks are measured on it, the usual one first.
        licence: of the data, in words; empty where it is the user's own.
    """

    key: str
    title: str
    reader: str | Callable[..., Any]
    files: Any
    space: Any = None
    splits: tuple[str, ...] = ("train", "val", "test")
    labelled: tuple[str, ...] = ("train", "val", "test")
    protocols: tuple[Protocol, ...] = (FULL,)
    licence: str = ""

    def load_reader(self) -> Callable[..., Any]:
        """Import the reader."""
        return resolved(self.reader)

    def load_files(self) -> Any:
        """Import what finds the files."""
        return resolved(self.files)

    def load_space(self) -> Any:
        """Import the label space; None where there is none."""
        return resolved(self.space)


DATASET_CARDS = Cards(
    (
        DatasetCard(
            key="camvid",
            title="CamVid",
            reader="scmnet_zoo.data.camvid:camvid",
            files="scmnet_zoo.data.camvid:FILES",
            space="scmnet_zoo.data.labels:CAMVID",
            protocols=(CAMVID_A, CAMVID_B),
            licence="CamVid, research data by Brostow, Fauqueur and Cipolla (University of "
            "Cambridge)",
        ),
        DatasetCard(
            key="cityscapes",
            title="Cityscapes",
            reader="scmnet_zoo.data.cityscapes:cityscapes",
            files="scmnet_zoo.data.cityscapes:FILES",
            space="scmnet_zoo.data.labels:CITYSCAPES",
            labelled=("train", "val"),
            licence="Cityscapes: non-commercial use by its own terms "
            "(cityscapes-dataset.com/license)",
        ),
        DatasetCard(
            key="bdd100k",
            title="BDD100K",
            reader="scmnet_zoo.data.bdd100k:bdd100k",
            files="scmnet_zoo.data.bdd100k:FILES",
            space="scmnet_zoo.data.labels:BDD100K",
            splits=("train", "val"),
            labelled=("train", "val"),
            licence="BDD100K: non-commercial use by its own terms (bdd100k.com)",
        ),
        DatasetCard(
            key="folder",
            title="your own images and masks",
            reader="scmnet_zoo.data.folder:folder",
            files="scmnet_zoo.data.folder:FILES",
            splits=(),
        ),
    ),
    unknown="Expected dataset to be one of",
)
