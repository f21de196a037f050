"""A dataset as a list of image and label files, and how a pair is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.data.masks import Masks


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
    """

    name: str
    split: str
    space: LabelSpace
    samples: tuple[Sample, ...]
    read: Callable[[Sample], Pair]


@dataclass(frozen=True)
class FileReader:
    """Reads frames from image files.

    Attributes:
        masks: how the values of the label files become training ids.
    """

    masks: Masks

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame.

        Raises:
            ValueError: a file is missing or cannot be read, or the label holds an id outside the
                label space; the message names the file.
        """
        image = np.asarray(open_image(sample.image).convert("RGB"))
        return image, self.masks.decode(open_image(sample.label), sample.label)


def open_image(path: Path) -> Image.Image:
    """Decode an image file whole.

    Raises:
        ValueError: it is missing or cannot be read.
    """
    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError as error:
        raise ValueError(f"{path}: expected an existing file") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as an image: {error}") from error
    return image
