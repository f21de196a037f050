"""Datasets as lists of image and label files, and readers of frames."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scmnet_zoo.data.labels import LabelSpace, composed
from scmnet_zoo.data.masks import Masks, some
from scmnet_zoo.image_files import kind_of, open_image, orientation
from scmnet_zoo.images import read_image

_log = logging.getLogger(__name__)

NAMED = 10  # largest number of a folder's entries that an error names


@dataclass(frozen=True)
class Sample:
    """One frame: name, image file, label file and, optionally, instance file.

    The instance file has the format of Cityscapes' instanceIds.png, 16 bits: the label id, or, for
    classes with instances, 1000 times the label id plus the number of the instance.
    """

    name: str
    image: Path
    label: Path
    instances: Path | None = None


# Image, uint8 RGB (height, width, 3), and label, uint8 training ids (height, width), 255 for void.
# Their sizes may differ.
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """One split of a dataset.

    Attributes:
        name: name of the dataset.
        split: name of the split.
        space: label space.
        samples: frames.
        read: function that reads a frame. It raises a ValueError that names the file if the file
            cannot be read or has ids outside the label space.
        guessed: messages on classes that no file states and that were guessed.
    """

    name: str
    split: str
    space: LabelSpace
    samples: tuple[Sample, ...]
    read: Callable[[Sample], Pair]
    guessed: tuple[str, ...] = ()


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Join several splits of a dataset into one, in the given order."""
    if len(parts) == 1:
        return parts[0]
    readers = {sample: part.read for part in parts for sample in part.samples}
    return Dataset(
        name=parts[0].name,
        split="+".join(part.split for part in parts),
        space=parts[0].space,
        samples=tuple(sample for part in parts for sample in part.samples),
        read=JoinedReader(readers),
        guessed=tuple(dict.fromkeys(line for part in parts for line in part.guessed)),
    )


@dataclass(frozen=True)
class JoinedReader:
    """Reader of the frames of several splits.

    Attributes:
        readers: mapping from frame to the reader of its split.
    """

    readers: Mapping[Sample, Callable[[Sample], Pair]]

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame with the reader of its split."""
        return self.readers[sample](sample)


@dataclass(frozen=True)
class FileReader:
    """Reader of frames from image files.

    Attributes:
        masks: decoder from label files to training ids.
    """

    masks: Masks

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame. The image is turned upright by its EXIF orientation, as in `segment`.

        Raises:
            ValueError: a file is missing or cannot be read, or the label has an id outside the
                label space; the message names the file.
        """
        try:
            image = read_image(sample.image)
            return image, self.masks.decode(open_image(sample.label), sample.label)
        except OSError as error:
            if error.filename is None:  # the message names it
                raise ValueError(str(error)) from error
            raise ValueError(f"{error.filename}: {reason(error)}") from error


def turned_in_words(sample: Sample) -> str:
    """Return the part of an error that names an image's EXIF orientation as a possible cause.

    Empty if the image is stored upright.
    """
    turn = orientation(sample.image)
    if turn == 1:
        return ""
    return (
        f"; the image is shown turned (EXIF orientation {turn}) and the label may be drawn on the "
        "image as it is stored. Turn the label, or write the image upright and without EXIF"
    )


def find_layout(root: Path, layouts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first layout, a tuple of folder names, whose folders all exist in `root`.

    Raises:
        ValueError: no layout fits; the message lists the content of `root`, and names a parent
            folder or subfolder that fits.
    """
    for layout in layouts:
        if _holds(root, layout):
            return layout
    wanted = ", or ".join(" and ".join(layout) for layout in layouts)
    names = [entry.name for entry in entries(root)]
    received = some(names, NAMED) or "an empty folder"
    inside = [Path(entry.path) for entry in entries(root) if os.path.isdir(entry.path)]
    near = [*root.absolute().parents[:3], *inside]
    for other in near:
        if any(_holds(other, layout) for layout in layouts):
            received += f"; perhaps {other} is meant"
            break
    raise ValueError(f"Expected in {root}: {wanted}. Received: {received}")


def _holds(root: Path, folders: tuple[str, ...]) -> bool:
    return all(os.path.isdir(root / folder) for folder in folders)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return a folder's entries sorted by name, without hidden files such as macOS's `._NAME`.

    Raises:
        ValueError: the folder is missing, not a folder, or not readable.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise ValueError(f"Expected the folder {folder}. Received: {reason(error)}") from error


def named_files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Find the files in a folder and its subfolders that have one of the suffixes.

    Args:
        folder: folder to search.
        suffixes: suffixes in lower case. The case of file names is ignored.

    Returns:
        Mapping from name to file, sorted by name. The name is the path relative to `folder`, with
        `/`, without the suffix.

    Raises:
        ValueError: the folder is missing or not readable, or two files have the same name.
    """
    found: dict[str, Path] = {}
    for path in files_in(folder):
        suffix = next((end for end in suffixes if path.name.lower().endswith(end)), None)
        if suffix is None:
            continue
        name = composed(path.relative_to(folder).as_posix()[: -len(suffix)])
        if name in found:
            raise ValueError(
                f"Expected one file named {name} in {folder}. Received: "
                f"{found[name].name} and {path.name}"
            )
        found[name] = path
    return dict(sorted(found.items()))


def some_files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Find files as `named_files` does, and raise if none is found.

    Raises:
        ValueError: no file, or an error of `named_files`.
    """
    found = named_files(folder, suffixes)
    if not found:
        names = ", ".join(f"*{suffix}" for suffix in suffixes)
        raise ValueError(f"Expected files {names} in {folder}. Received: none")
    return found


def left_out(folder: Path, suffixes: tuple[str, ...]) -> Counter[str]:
    """Count the files in a folder and its subfolders without the suffixes, by their suffix."""
    others = (path for path in files_in(folder) if not path.name.lower().endswith(suffixes))
    return Counter(kind_of(path) for path in others)


def files_in(folder: Path, way: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders, sorted by name, without hidden files.

    Args:
        folder: folder to search.
        way: real paths of the folders between the start of the search and `folder`.

    Raises:
        ValueError: a folder is missing or not readable.
    """
    below = {entry.name for entry in subfolders(folder, way)}
    way = way | {os.path.realpath(folder)}
    for entry in entries(folder):
        if entry.name in below:
            yield from files_in(Path(entry.path), way)
        elif not os.path.isdir(entry.path):
            yield Path(entry.path)


def subfolders(folder: Path, way: frozenset[str] = frozenset()) -> list[os.DirEntry[str]]:
    """Return the subfolders of a folder, without symbolic links that form a cycle.

    A link to the folder, to a parent folder or to a folder in `way` is left out with a warning.

    Args:
        folder: folder to search.
        way: real paths of the folders between the start of the search and `folder`.

    Raises:
        ValueError: the folder is missing, not a folder, or not readable.
    """
    here = os.path.realpath(folder)
    above = {here, *map(str, Path(here).parents), *way}
    found = []
    for entry in entries(folder):
        if not os.path.isdir(entry.path):  # `entry.is_dir` raises for a link to itself
            continue
        if entry.is_symlink() and os.path.realpath(entry.path) in above:
            _log.warning("%s: passed over, a link to a folder above it", entry.path)
            continue
        found.append(entry)
    return found


def paired(
    images: Mapping[str, Path], labels: Mapping[str, Path], folder: Path, suffix: str
) -> tuple[Sample, ...]:
    """Pair each image with the label of the same name. Labels without an image log a warning.

    Args:
        images: mapping from name to image file.
        labels: mapping from name to label file.
        folder: folder of the labels.
        suffix: ending of the label files.

    Raises:
        ValueError: an image has no label; the message has the label's expected path.
    """
    for name, image in images.items():
        if name not in labels:
            raise ValueError(
                f"Expected the label {folder / (name + suffix)} of {image}. Received: no such file"
            )
    alone = [path for name, path in labels.items() if name not in images]
    if alone:
        _log.warning("%d labels have no image and are left out, such as %s", len(alone), alone[0])
    return tuple(Sample(name, image, labels[name]) for name, image in images.items())


def chosen(files: Mapping[str, Path], names: Sequence[str], names_file: Path) -> dict[str, Path]:
    """Select the files that a list names.

    Raises:
        ValueError: a listed name has no file.
    """
    for name in names:
        if name not in files:
            raise ValueError(
                f"Expected an image {name}, named in {names_file}. Received: no such file"
            )
    return {name: files[name] for name in names}


def reason(error: OSError) -> str:
    """Return the reason of an OSError in lower case, for messages."""
    return (error.strerror or str(error)).lower()


def check_split(split: str, splits: tuple[str, ...]) -> None:
    """Raise a ValueError unless `split` is one of `splits`."""
    if split not in splits:
        raise ValueError(f"Expected split to be one of {splits}. Received: split={split!r}")
