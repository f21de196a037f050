"""Check one frame of a dataset."""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data.blur import blurred
from scmnet_zoo.data.dataset import Dataset, FileReader, Sample, turned_in_words
from scmnet_zoo.data.frames import same_aspect
from scmnet_zoo.data.labels import VOID
from scmnet_zoo.data.masks import ColourMasks, Masks, stored_indices
from scmnet_zoo.data.occurrence import counts_of
from scmnet_zoo.data.ratio import Size
from scmnet_zoo.data.report import Problem
from scmnet_zoo.image_files import lacks_end_marker, open_image, orientation
from scmnet_zoo.images import read_image

# Exceptions of reading a damaged file.
FAULTS = (ValueError, OSError, MemoryError)

THUMBNAIL = 16  # side in pixels of the grey thumbnail that similar images are found by


@dataclass(frozen=True)
class Frame:
    """Result of checking a frame.

    Attributes:
        sample: the frame.
        problems: problems found.
        counts: number of pixels of each training id, int64 (256,).
        values: indices that occur in the label file; empty for a file of colours.
        digest: hash of the image's pixels; None if the image cannot be read.
        thumbnail: small grey version of the image, int16 (pixels,); None likewise.
        size: (height, width) of the image; None likewise.
    """

    sample: Sample
    problems: tuple[Problem, ...]
    counts: np.ndarray
    values: frozenset[int]
    digest: bytes | None
    thumbnail: np.ndarray | None
    size: Size | None


def look_at(dataset: Dataset, sample: Sample) -> Frame:
    """Read and check a frame."""
    problems: list[Problem] = []
    image = ids = None
    try:
        image, ids = dataset.read(sample)
    except FAULTS as error:
        problems.append(Problem("unreadable", sample.image, _message(sample.image, error)))
    values = ids
    if isinstance(dataset.read, FileReader):
        masks = dataset.read.masks
        if problems:  # the reader stops at its first error; read image and label separately
            image, faults = _image(sample.image)
            values, ids, more = _label(masks, sample.label)
            problems = faults + more or problems
        else:
            values = _values(masks, open_image(sample.label), sample.label)
        if image is not None:
            problems += _head(sample.image)
        if values is not None and (found := blurred(values, masks, ids is None, sample.label)):
            problems = [each for each in problems if each.kind != "ids"] + [found]
    if image is not None and values is not None:
        problems += _sizes(sample, image, values)
    counts = np.zeros(VOID + 1, np.int64)
    if ids is not None:
        counts = counts_of(ids)
        if counts[VOID] == ids.size:
            problems.append(Problem("void", sample.label, f"{sample.label}: void throughout"))
    digest = thumbnail = None
    if image is not None:
        digest = hashlib.blake2b(np.array(image.shape).tobytes() + image.tobytes()).digest()
        side = (THUMBNAIL, THUMBNAIL)
        small = Image.fromarray(image).convert("L").resize(side, Image.Resampling.BOX)
        thumbnail = np.asarray(small, np.int16).ravel()
    indices: frozenset[int] = frozenset()
    if values is not None and values.ndim == 2:
        indices = frozenset(np.flatnonzero(np.bincount(values.ravel())).tolist())
    size = None if image is None else (image.shape[0], image.shape[1])
    return Frame(sample, tuple(problems), counts, indices, digest, thumbnail, size)


def _head(path: Path) -> list[Problem]:
    """Return notes on an image's EXIF orientation and a missing end marker."""
    problems = []
    if (turn := orientation(path)) != 1:
        message = (
            f"{path}: turned upright by its EXIF orientation ({turn}). Its label has to be drawn "
            "on the upright image; a label drawn on the image as it is stored does not fit"
        )
        problems.append(Problem("turned", path, message))
    if lacks_end_marker(path):
        problems.append(Problem("no end", path, f"{path}: a JPEG file without its end marker"))
    return problems


def _image(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    """Return the pixels of an image file, uint8 (height, width, 3), or None, and its problems."""
    try:
        return read_image(path), []
    except FAULTS as error:
        return None, [Problem("unreadable", path, _message(path, error))]


def _label(masks: Masks, path: Path) -> tuple[np.ndarray | None, np.ndarray | None, list[Problem]]:
    """Return the values of a label file, its training ids, and its problems."""
    try:
        mask = open_image(path)
    except FAULTS as error:
        return None, None, [Problem("unreadable", path, _message(path, error))]
    try:
        return _values(masks, mask, path), masks.decode(mask, path), []
    except FAULTS as error:
        return _values(masks, mask, path), None, [Problem("ids", path, _message(path, error))]


def _values(masks: Masks, mask: Image.Image, path: Path) -> np.ndarray | None:
    """Return indices, uint8 (height, width), or colours, uint8 (height, width, 3)."""
    if not isinstance(masks, ColourMasks):
        with contextlib.suppress(ValueError):
            return stored_indices(mask, path)
    try:
        return np.asarray(mask if mask.mode in ("L", "P") else mask.convert("RGB"))
    except ValueError:  # a mode that does not convert to RGB
        return None


def _message(path: Path, error: BaseException) -> str:
    """Return an error in one line that names the file."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if str(path.name) in text else f"{path}: {text}"


def _sizes(sample: Sample, image: np.ndarray, label: np.ndarray) -> list[Problem]:
    """Return a problem if an image and its label differ in size or aspect ratio."""
    if image.shape[:2] == label.shape[:2]:
        return []
    words = f"{label.shape[1]}x{label.shape[0]}", f"{image.shape[1]}x{image.shape[0]}"
    message = f"{sample.label}: a label of {words[0]} for the image {sample.image} of {words[1]}"
    turned = turned_in_words(sample)
    if same_aspect(image.shape[:2], label.shape[:2]):
        return [Problem("scale", sample.label, message)]
    return [Problem("size", sample.label, f"{message}: another aspect ratio{turned}")]
