"""A file of a fixed size is measured on padded images, without the padding."""

import dataclasses

import numpy as np
import pytest

from scmnet_zoo.data import CAMVID, Dataset, Sample
from scmnet_zoo.deploy.quality import Labelled, _ious
from scmnet_zoo.deploy.sizes import fitted
from scmnet_zoo.evaluation import FULL

SIZE = (48, 64)


def _labelled(*sizes):
    pairs = {}
    for number, size in enumerate(sizes):
        label = np.zeros(size, np.uint8)
        label[: size[0] // 2, size[1] // 3 :] = 1  # up to the edges, so that padding is bright too
        pairs[str(number)] = np.repeat(label[..., None] * np.uint8(255), 3, -1), label
    samples = tuple(Sample(name, f"{name}.png", f"{name}_label.png") for name in pairs)
    space = dataclasses.replace(CAMVID, labels=CAMVID.labels[:2])
    dataset = Dataset("made up", "val", space, samples, lambda sample: pairs[sample.name])
    return Labelled(dataset, FULL)


def _bright(batch):
    return (batch[..., 0] > 127).astype(np.uint8)


def _probabilities(batch):
    """At half of the size, as of a file that resizes images inside."""
    bright = batch[:, ::2, ::2, :1] / 255.0
    return np.concatenate([1 - bright, bright], -1)


@pytest.mark.parametrize("frame", [(160, 90), (48, 64), (60, 60), (40, 200), (61, 80), (20, 10)])
def test_the_frame_is_compared_and_not_the_padding(frame):
    mask, half = _ious([_bright, _probabilities], _labelled(frame), SIZE, 2)
    assert min(mask) > 90
    assert min(half) > 70


def test_ratios_mixed_in_a_split():
    (found,) = _ious([_bright], _labelled((160, 90), (96, 128), (60, 60)), SIZE, 2)
    assert min(found) > 95


def test_images_are_padded_to_a_fixed_size_and_left_alone_where_it_varies():
    image = np.full((160, 90, 3), 7, np.uint8)
    assert fitted(image, SIZE).shape == (1, 48, 64, 3)
    assert (fitted(image, SIZE) == 7).all()
    assert fitted(image, (None, None)).shape == (1, 160, 90, 3)
