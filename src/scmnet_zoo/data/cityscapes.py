"""Reader of Cityscapes, in the layout of its archives leftImg8bit and gtFine (trainvaltest).

    leftImg8bit/SPLIT/CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png    RGB, 2048x1024
    gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_labelIds.png     8-bit ids 0..33
    gtFine/SPLIT/CITY/CITY_SEQUENCE_FRAME_gtFine_instanceIds.png  16-bit

If a split has no labelIds.png, its labelTrainIds.png are read, which Cityscapes' scripts create.

Source: Cordts et al. 2016, arXiv 1604.01685.
"""

import dataclasses
import os
from pathlib import Path

from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    check_split,
    find_layout,
    named_files,
    paired,
    some_files,
)
from scmnet_zoo.data.labels import CITYSCAPES
from scmnet_zoo.data.listing import Files, Listing, either
from scmnet_zoo.data.masks import label_ids, training_ids

SPLITS = ("train", "val", "test")

_IMAGES, _LABELS = "leftImg8bit", "gtFine"
_IMAGE = "_leftImg8bit.png"
_LABEL_IDS = "_gtFine_labelIds.png"
_TRAINING_IDS = "_gtFine_labelTrainIds.png"
_INSTANCES = "_gtFine_instanceIds.png"

_OF_LABELS = label_ids(CITYSCAPES)
_OF_TRAINING = training_ids(CITYSCAPES)
_MASKS = {
    _LABEL_IDS: dataclasses.replace(
        _OF_LABELS,
        others=frozenset(_OF_TRAINING.ids),
        advice=f"these look like training ids, which are read from files named *{_TRAINING_IDS}",
    ),
    _TRAINING_IDS: dataclasses.replace(
        _OF_TRAINING,
        others=frozenset(_OF_LABELS.ids),
        advice=f"these look like labelIds, which are read from files named *{_LABEL_IDS}",
    ),
}


def cityscapes(root: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of Cityscapes, with instances if their files exist.

    The labels of `"test"` are not public; those in the archive are void.

    Args:
        root: folder with `leftImg8bit` and `gtFine`.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError: an unknown split, another layout, no images, an image without a label, or
            instances for a part of the images only.
    """
    check_split(split, SPLITS)
    root = Path(root)
    find_layout(root, [(_IMAGES, _LABELS)])
    images = some_files(root / _IMAGES / split, (_IMAGE.lower(),))
    folder = root / _LABELS / split
    kind, labels = _labels(folder)
    samples = paired(images, labels, folder, kind)
    instances = named_files(folder, (_INSTANCES.lower(),))
    if instances:
        together = paired(images, instances, folder, _INSTANCES)
        samples = tuple(
            dataclasses.replace(sample, instances=other.label)
            for sample, other in zip(samples, together, strict=True)
        )
    samples = tuple(
        dataclasses.replace(sample, name=sample.name.rpartition("/")[-1]) for sample in samples
    )
    return Dataset("cityscapes", split, CITYSCAPES, samples, FileReader(_MASKS[kind]))


def _labels(folder: Path) -> tuple[str, dict[str, Path]]:
    """Return the ending of the label files, and a mapping from image name to label file."""
    labels = named_files(folder, (_LABEL_IDS.lower(),))
    if not labels and (prepared := named_files(folder, (_TRAINING_IDS.lower(),))):
        return _TRAINING_IDS, prepared
    return _LABEL_IDS, labels


def _listing(root: Path, split: str) -> Listing:
    images = named_files(root / _IMAGES / split, (_IMAGE.lower(),))
    return either(images, _labels(root / _LABELS / split)[1])


FILES = Files(lambda root: SPLITS, lambda root, split: (root / _IMAGES / split).exists(), _listing)
