"""The files of a split, and how a dataset is opened from one of the layouts that others write."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scmnet_zoo.data.dataset import Dataset, FileReader, paired
from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.data.masks import Masks

_log = logging.getLogger(__name__)


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


def either(images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    """All frames that have an image or a label."""
    return Listing(tuple(sorted({*images, *labels})), images, labels)


def of(names: Sequence[str], images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    """The frames of a list, each once."""
    return Listing(tuple(dict.fromkeys(names)), images, labels)


@dataclass(frozen=True)
class Files:
    """How the files of a dataset are found, whether or not an image has a label.

    Attributes:
        splits: the splits that a folder has or may have.
        has: whether a folder has a split, though it may be faulty.
        listing: the files of a split; raises a ValueError where the folder is laid out otherwise
            or a list is missing.
    """

    splits: Callable[[Path], tuple[str, ...]]
    has: Callable[[Path, str], bool]
    listing: Callable[[Path, str], Listing]


@dataclass(frozen=True)
class Meaning:
    """What the labels mean.

    Attributes:
        space: the classes.
        masks: how label files are read.
        guessed: what no file says and was guessed, a line; empty where files say all.
    """

    space: LabelSpace
    masks: Masks
    guessed: str = ""


@dataclass(frozen=True)
class Layout:
    """How a tool lays out datasets.

    Attributes:
        fits: whether a folder is laid out so.
        splits: the splits that a folder has.
        listing: the files of a split.
        labels: the folder of a split's labels.
        ending: what the names of labels end in.
        meaning: of the labels in a folder.
    """

    fits: Callable[[Path], bool]
    splits: Callable[[Path], tuple[str, ...]]
    listing: Callable[[Path, str], Listing]
    labels: Callable[[Path, str], Path]
    ending: str
    meaning: Callable[[Path], Meaning]


def fitting(layouts: Sequence[Layout], root: Path) -> Layout | None:
    """The first layout that a folder has."""
    return next((layout for layout in layouts if layout.fits(root)), None)


def opened(
    name: str, layout: Layout, root: Path, split: str, meaning: Meaning | None = None
) -> Dataset:
    """One split of a dataset in a layout; a warning tells of what was guessed.

    Args:
        name: of the dataset.
        layout: that of the folder.
        root: the folder.
        split: the name of the split.
        meaning: of the labels, by default what the layout makes of the folder.

    Raises:
        ValueError: no such split, a frame that is not whole, or labels whose meaning is unclear.
    """
    splits = layout.splits(root)
    if split not in splits:
        raise ValueError(
            f"Expected split to be one of those in {root}: {', '.join(splits) or 'none'}. "
            f"Received: split={split!r}"
        )
    files = layout.listing(root, split)
    for each in files.names:
        if each not in files.images and each not in files.labels:
            raise ValueError(f"Expected in {root} an image {each} of {split}. Received: no file")
    wanted = set(files.names)
    images = {each: files.images[each] for each in files.names if each in files.images}
    labels = {each: path for each, path in files.labels.items() if each in wanted}
    samples = paired(images, labels, layout.labels(root, split), layout.ending)
    if not samples:
        raise ValueError(f"Expected images of {split} in {root}. Received: none")
    meaning = layout.meaning(root) if meaning is None else meaning
    guessed = (meaning.guessed,) if meaning.guessed else ()
    for line in guessed:
        _log.warning("%s", line)
    return Dataset(name, split, meaning.space, samples, FileReader(meaning.masks), guessed)
