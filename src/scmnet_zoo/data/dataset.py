"""A dataset as a list of image and label files, and how a pair is read."""

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

NAMED = 10  # of what lies in a folder, in an error


@dataclass(frozen=True)
class Sample:
    """One frame: its name, its image file, its label file, and that of its instances if any.

    The instance file holds 16-bit numbers as Cityscapes' instanceIds.png: a label id, or where
    instances are told apart, 1000 times the label id plus the instance's number.
    """

    name: str
    image: Path
    label: Path
    instances: Path | None = None


# An image, uint8 RGB (height, width, 3), and its label, uint8 training ids (height, width) with
# 255 for void. Their sizes may differ.
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """One split of a dataset and what its labels mean.

    Attributes:
        name: of the dataset.
        split: which part of it.
        space: its classes.
        samples: its frames.
        read: gives a frame; raises a ValueError that names the file where it cannot be read or
            holds ids outside the label space.
        guessed: what of its classes no file says and was guessed, a line each.
    """

    name: str
    split: str
    space: LabelSpace
    samples: tuple[Sample, ...]
    read: Callable[[Sample], Pair]
    guessed: tuple[str, ...] = ()


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Several splits of one dataset as one, in their order."""
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
    """Reads frames of several splits.

    Attributes:
        readers: by the frames.
    """

    readers: Mapping[Sample, Callable[[Sample], Pair]]

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame as its own split does."""
        return self.readers[sample](sample)


@dataclass(frozen=True)
class FileReader:
    """Reads frames from image files.

    Attributes:
        masks: how the values of the label files become training ids.
    """

    masks: Masks

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame; an image that its file says is to be turned is upright, as in `segment`.

        Raises:
            ValueError: a file is missing or cannot be read, or the label holds an id outside the
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
    """How an error goes on where a label may have been drawn before its image was turned.

    Empty where the image's file does not say that it is to be turned.
    """
    turn = orientation(sample.image)
    if turn == 1:
        return ""
    return (
        f"; the image is shown turned (EXIF orientation {turn}) and the label may be drawn on the "
        "image as it is stored. Turn the label, or write the image upright and without EXIF"
    )


def find_layout(root: Path, layouts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The first layout, as the folders that make it up, all of whose folders are in `root`.

    Raises:
        ValueError: none is; the message says what is there instead, and whether a folder above or
            below holds one.
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


def entries(folder: Path) -> list[os.DirEntry]:
    """What a folder holds, by name, without hidden files (as `._NAME`, which macOS leaves).

    Raises:
        ValueError: it is missing, no folder, or may not be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise ValueError(f"Expected the folder {folder}. Received: {reason(error)}") from error


def named_files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files in a folder and those below it whose names end in one of the suffixes.

    Args:
        folder: where to look.
        suffixes: in lower case; case is ignored.

    Returns:
        The files by name, in the order of the names: the path from `folder` with `/`, without the
        suffix.

    Raises:
        ValueError: the folder is missing or may not be read, or two files have one name.
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
    """`named_files`, of which there has to be one.

    Raises:
        ValueError: there is none, or as `named_files` has it.
    """
    found = named_files(folder, suffixes)
    if not found:
        names = ", ".join(f"*{suffix}" for suffix in suffixes)
        raise ValueError(f"Expected files {names} in {folder}. Received: none")
    return found


def left_out(folder: Path, suffixes: tuple[str, ...]) -> Counter[str]:
    """The files in a folder and those below it whose names end otherwise, counted by suffix."""
    others = (path for path in files_in(folder) if not path.name.lower().endswith(suffixes))
    return Counter(kind_of(path) for path in others)


def files_in(folder: Path, way: frozenset[str] = frozenset()) -> Iterator[Path]:
    """The files in a folder and those below it, by name; hidden ones are left out.

    Args:
        folder: where to look.
        way: the folders, without links, by which it was reached.

    Raises:
        ValueError: a folder is missing or may not be read.
    """
    below = {entry.name for entry in subfolders(folder, way)}
    way = way | {os.path.realpath(folder)}
    for entry in entries(folder):
        if entry.name in below:
            yield from files_in(Path(entry.path), way)
        elif not os.path.isdir(entry.path):
            yield Path(entry.path)


def subfolders(folder: Path, way: frozenset[str] = frozenset()) -> list[os.DirEntry]:
    """The folders in a folder, without links to the folder itself or to one above it.

    Such a link would show the same files again, below themselves. So would one of two links that
    lead to each other's folders.

    Args:
        folder: where to look.
        way: the folders, without links, by which it was reached.

    Raises:
        ValueError: it is missing, no folder, or may not be read.
    """
    here = os.path.realpath(folder)
    above = {here, *map(str, Path(here).parents), *way}
    found = []
    for entry in entries(folder):
        if not os.path.isdir(entry.path):  # of a link to itself `entry.is_dir` raises
            continue
        if entry.is_symlink() and os.path.realpath(entry.path) in above:
            _log.warning("%s: passed over, a link to a folder above it", entry.path)
            continue
        found.append(entry)
    return found


def paired(
    images: Mapping[str, Path], labels: Mapping[str, Path], folder: Path, suffix: str
) -> tuple[Sample, ...]:
    """Each image with the label of the same name; a warning tells of labels without an image.

    Args:
        images: by name.
        labels: by name.
        folder: where the labels are.
        suffix: what their names end in.

    Raises:
        ValueError: an image has no label; the message says where it should be.
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
    """The files of a list.

    Raises:
        ValueError: a name of the list has no file.
    """
    for name in names:
        if name not in files:
            raise ValueError(
                f"Expected an image {name}, named in {names_file}. Received: no such file"
            )
    return {name: files[name] for name in names}


def reason(error: OSError) -> str:
    """Why a file or folder could not be read, in lower case as the rest of a message."""
    return (error.strerror or str(error)).lower()


def check_split(split: str, splits: tuple[str, ...]) -> None:
    """Raise a ValueError unless the split is one of those there are."""
    if split not in splits:
        raise ValueError(f"Expected split to be one of {splits}. Received: split={split!r}")
