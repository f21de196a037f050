"""A folder of images without labels, which a network learns from by what teachers see in them.

train.txt, val.txt     a name a line; without val.txt, every tenth image is held out for val
NAME.jpg               or another suffix that `segment` reads; in folders below too
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
HELD_OUT = 10  # one image in so many, where no list says which


def unlabelled(root: str | os.PathLike[str], split: str, space: LabelSpace) -> Dataset:
    """The images of a folder as a dataset whose labels are void.

    Args:
        root: the folder.
        split: `"train"` or `"val"`. `val.txt` lists the images that are held out; without it every
            tenth is, by name. `train.txt` lists the others; without it all that are left are.
        space: the classes that teachers are to see in them.

    Raises:
        ValueError: another split, no such folder, no image in it, or a listed image that is not
            there.
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
