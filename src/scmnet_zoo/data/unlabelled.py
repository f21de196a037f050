"""Folders of images without labels, for distillation from teachers.

train.txt, val.txt     one NAME a line; without val.txt, every tenth image is in val
NAME.jpg               or another suffix that `segment` reads; subfolders are searched
"""

import os
from pathlib import Path

import numpy as np

from scmnet_zoo.catalogue.datasets import FRAMES
from scmnet_zoo.data.dataset import Dataset, Sample, chosen, some_files
from scmnet_zoo.data.labels import VOID, LabelSpace
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.image_files import SUFFIXES
from scmnet_zoo.images import read_image

SPLITS = ("train", "val")
HELD_OUT = 10  # without val.txt, one image in HELD_OUT is held out for val


def unlabelled(root: str | os.PathLike[str], split: str, space: LabelSpace) -> Dataset:
    """Open the images of a folder as a dataset with void labels.

    Args:
        root: folder of the images.
        split: `"train"` or `"val"`. `val.txt` lists the images of val; without it, val is every
            tenth image by name. `train.txt` lists the images of train; without it, train is all
            images that are not in val.
        space: label space of the teachers.

    Raises:
        ValueError: another split, a missing folder, a folder without images, or a listed image
            that does not exist.
    """
    root = Path(root)
    if split not in SPLITS:
        raise ValueError(f"Expected split to be one of {SPLITS}. Received: split={split!r}")
    images = some_files(root, SUFFIXES)
    held_out = _listed(root, "val", images) or dict(list(images.items())[HELD_OUT - 1 :: HELD_OUT])
    found = held_out
    if split == "train":
        listed = _listed(root, "train", images) or images
        found = {name: path for name, path in listed.items() if name not in held_out}
    if not found:
        raise ValueError(
            f"Expected {HELD_OUT} images or more in {root}, or lists train.txt and val.txt. "
            f"Received: {len(images)}, none of them for {split}"
        )
    samples = tuple(Sample(name, path, path) for name, path in found.items())
    return Dataset(FRAMES, split, space, samples, _read)


def _listed(root: Path, split: str, images: dict[str, Path]) -> dict[str, Path]:
    names_file = root / f"{split}.txt"
    if not names_file.exists():
        return {}
    return chosen(images, listed_names(names_file, images), names_file)


def _read(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    image = read_image(sample.image)
    return image, np.full(image.shape[:2], VOID, np.uint8)
