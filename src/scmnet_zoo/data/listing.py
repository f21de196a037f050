"""File listings of splits, and layouts of other tools' datasets."""

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
    """Files of a split, including frames that lack an image or a label.

    Attributes:
        names: names of all frames that are listed, or have an image or a label.
        images: mapping from name to existing image file.
        labels: mapping from name to existing label file.
    """

    names: tuple[str, ...]
    images: Mapping[str, Path]
    labels: Mapping[str, Path]


def either(images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    """Return a listing of all frames that have an image or a label."""
    return Listing(tuple(sorted({*images, *labels})), images, labels)


def of(names: Sequence[str], images: Mapping[str, Path], labels: Mapping[str, Path]) -> Listing:
    """Return a listing of the frames in a list, without repeats."""
    return Listing(tuple(dict.fromkeys(names)), images, labels)


@dataclass(frozen=True)
class Files:
    """Functions that find the files of a dataset, also of frames without an image or a label.

    Attributes:
        splits: returns the splits that a folder has or can have.
        has: whether a folder has a split, complete or not.
        listing: returns the files of a split. Raises a ValueError if the folder has another layout
            or a list is missing.
    """

    splits: Callable[[Path], tuple[str, ...]]
    has: Callable[[Path, str], bool]
    listing: Callable[[Path, str], Listing]


@dataclass(frozen=True)
class Meaning:
    """Classes of a dataset and the decoder of its label files.

    Attributes:
        space: label space.
        masks: decoder of label files.
        guessed: message on classes that no file states and that were guessed; empty if none.
    """

    space: LabelSpace
    masks: Masks
    guessed: str = ""


@dataclass(frozen=True)
class Layout:
    """Layout of a tool's datasets. Its functions take the dataset's folder.

    Attributes:
        fits: whether a folder has this layout.
        splits: returns the splits of a folder.
        listing: returns the files of a split.
        labels: returns the folder of a split's labels.
        ending: ending of the label files.
        meaning: returns the classes and the decoder of labels.
    """

    fits: Callable[[Path], bool]
    splits: Callable[[Path], tuple[str, ...]]
    listing: Callable[[Path, str], Listing]
    labels: Callable[[Path, str], Path]
    ending: str
    meaning: Callable[[Path], Meaning]


def fitting(layouts: Sequence[Layout], root: Path) -> Layout | None:
    """Return the first layout that fits a folder, or None."""
    return next((layout for layout in layouts if layout.fits(root)), None)


def opened(
    name: str, layout: Layout, root: Path, split: str, meaning: Meaning | None = None
) -> Dataset:
    """Open one split of a dataset in a tool's layout. Guessed classes log a warning.

    Args:
        name: name of the dataset.
        layout: layout of the folder.
        root: folder of the dataset.
        split: name of the split.
        meaning: classes and decoder of labels. Defaults to `layout.meaning(root)`.

    Raises:
        ValueError: an unknown split, a frame without image or label, or labels of unknown classes.
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
