"""Writes what `Augment` makes of fixed draws: `python augment_outputs.py target.npz`."""

import sys

import keras
import numpy as np
from keras import ops

from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.labels import CAMVID

ALL = Augmentation(
    crop=(40, 56),
    scale=(0.5, 2.0),
    flip=0.5,
    brightness=0.3,
    contrast=0.3,
    saturation=0.4,
    tint=0.1,
    gamma=0.3,
    blur=0.5,
    cut=0.5,
    mix=0.5,
    mix_classes=("pole", "bicyclist"),
)


class FixedDraws(Augment):
    """Draws from NumPy, so that every backend draws the same."""

    def __init__(self, settings, seed=0):
        super().__init__(settings, seed, CAMVID.classes)
        self.numbers = np.random.default_rng(seed)

    def _uniform(self, batch, low, high, shape=(1, 1, 1)):
        drawn = low + (high - low) * self.numbers.random((batch, *shape))
        return ops.convert_to_tensor(drawn, dtype="float32")


def noise(batch=8, height=48, width=64, seed=0):
    """Random images, uint8, and labels, uint8 0..10 and 255."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    ids = np.array([*range(11), 255], np.uint8)
    return images, ids[rng.integers(0, 12, (batch, height, width))]


def outputs():
    """The images and labels that the fixed draws give, as NumPy."""
    return [ops.convert_to_numpy(x) for x in FixedDraws(ALL)(*noise())]


if __name__ == "__main__":
    images, labels = outputs()
    np.savez(sys.argv[1], images=images, labels=labels, backend=keras.backend.backend())
