"""A dataset as a list of image and label files, and how a pair is read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from scmnet_zoo.data.labels import VOID, LabelSpace


@dataclass(frozen=True)
class Sample:
    """One frame: its name, its image file and its label file."""

    name: str
    image: Path
    label: Path


@dataclass(frozen=True)
class Dataset:
    """One split of a dataset and what its labels mean."""

    name: str
    split: str
    space: LabelSpace
    samples: tuple[Sample, ...]


def read_pair(sample: Sample, space: LabelSpace) -> tuple[np.ndarray, np.ndarray]:
    """Read a frame.

    Returns:
        The image, uint8 RGB (height, width, 3), and the label, uint8 training ids (height,
        width) with 255 for void. Their sizes may differ.

    Raises:
        ValueError: a file is missing or cannot be read, or the label holds an id outside the
            label space; the message names the file.
    """
    image = np.asarray(_open(sample.image).convert("RGB"))
    label = _open(sample.label)
    if label.mode not in ("L", "P"):
        raise ValueError(
            f"{sample.label}: expected a label of 8-bit indices. Received: image mode {label.mode}"
        )
    ids = np.asarray(label)
    known = np.zeros(256, bool)
    known[: len(space.labels)] = known[VOID] = True
    if not known[ids].all():
        unknown = sorted(set(np.unique(ids[~known[ids]]).tolist()))
        raise ValueError(
            f"{sample.label}: expected ids 0..{len(space.labels) - 1} and {VOID} of {space.name}. "
            f"Received: {unknown}"
        )
    return image, ids


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError as error:
        raise ValueError(f"{path}: expected an existing file") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as an image: {error}") from error
    return image
