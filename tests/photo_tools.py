"""Photographs and a checkpoint that the tests draw themselves."""

import functools
import tempfile
from pathlib import Path

import keras
import numpy as np

from scmnet_zoo import SCMNet, Segmenter
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

TRAINING_SIZE = (96, 128)  # small, so that the network takes no time
NORMALISATION = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@functools.cache
def checkpoint_file() -> Path:
    """A checkpoint of a random SCMNet with the 11 classes of CamVid."""
    keras.utils.set_random_seed(0)
    path = Path(tempfile.mkdtemp()) / "random.safetensors"
    metadata = Metadata("scmnet", {"residual": True}, CAMVID.classes, NORMALISATION, TRAINING_SIZE)
    write_checkpoint(path, SCMNet(num_classes=11), metadata)
    return path


@functools.cache
def segmenter() -> Segmenter:
    """One network for the whole run: the building of its graph takes seconds."""
    return Segmenter("scmnet", weights=checkpoint_file())


def pixels(height, width, seed=0):
    """Smooth colours that differ everywhere: uint8 RGB (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [np.sin(a * y + b * x + c) for a, b, c in rng.uniform(2, 9, (3, 3))]
    return np.stack([127.5 + 127.5 * wave for wave in waves], axis=-1).astype("uint8")
