"""Measuring a network on a dataset by a fixed protocol."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from PIL import Image

from scmnet_zoo.data import Dataset, reader_of
from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.registry import find_checkpoint


@dataclass(frozen=True)
class Protocol:
    """What a network may see of a frame, and at what size its answer is compared.

    Attributes:
        name: the letter it goes by.
        size: (height, width) of the comparison and of the most the network sees, in pixels.
        full_size_only: leave out frames whose image is smaller than `size`.
        title: what it measures, in a line.
    """

    name: str
    size: tuple[int, int]
    full_size_only: bool
    title: str


CAMVID_A = Protocol("A", (360, 480), False, "all frames, seen and compared at 480x360")
CAMVID_B = Protocol("B", (720, 960), True, "frames of 960x720, seen and compared at 960x720")

PROTOCOLS = {"camvid": {"A": CAMVID_A, "B": CAMVID_B}}


def load(
    network: str,
    weights: str,
    dataset: str,
    data: str | os.PathLike,
    split: str,
    protocol: str,
) -> tuple[keras.Model, Dataset, Protocol, tuple[int, int]]:
    """What `evaluate` takes, from names: the network with its weights, the frames, the protocol.

    The last is the input size: that on which the weights were trained, else the protocol's.

    Raises:
        ValueError: a name is unknown, a file is missing, or the weights' classes are not the
            dataset's.
    """
    factory, frames = factory_of(network), reader_of(dataset)(data, split)
    if protocol not in PROTOCOLS[dataset]:
        raise ValueError(
            f"Expected protocol to be one of {', '.join(PROTOCOLS[dataset])} for {dataset}. "
            f"Received: {protocol!r}"
        )
    checkpoint = find_checkpoint(network, weights)
    chosen = PROTOCOLS[dataset][protocol]
    size = chosen.size
    if checkpoint is not None and checkpoint.metadata is not None:
        size = checkpoint.metadata.training_size or size
        if checkpoint.metadata.classes != frames.space.classes:
            raise ValueError(
                f"Expected weights for {dataset}: {', '.join(frames.space.classes)}. "
                f"Received: {weights}, for {', '.join(checkpoint.metadata.classes)}"
            )
    elif checkpoint is not None and checkpoint.num_classes not in (None, len(frames.space.labels)):
        raise ValueError(
            f"Expected weights for the {len(frames.space.labels)} classes of {dataset}. "
            f"Received: {weights}, for {checkpoint.num_classes}"
        )
    model = factory(weights=weights, num_classes=len(frames.space.labels))
    return model, frames, chosen, size


def evaluate(
    network: keras.Model,
    dataset: Dataset,
    protocol: Protocol,
    input_size: tuple[int, int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ConfusionMatrix:
    """Compare a network's predictions with the labels of a dataset.

    The image is reduced to the protocol's size where it is larger, then brought to the network's
    input size bilinearly; the probabilities are brought back to the protocol's size (averaged
    where it is smaller) and the largest wins.

    Args:
        network: from images 0..255 to probabilities at the images' size.
        dataset: the frames.
        protocol: one of `PROTOCOLS`.
        input_size: (height, width) the network sees, in pixels.
        progress: called with the frames done and those there are.

    Returns:
        One confusion matrix over all frames.

    Raises:
        ValueError: a frame cannot be read, or none is left by the protocol.
    """
    matrix = ConfusionMatrix(len(dataset.space.labels))
    used = 0
    for done, sample in enumerate(dataset.samples, start=1):
        image, label = dataset.read(sample)
        if not protocol.full_size_only or image.shape[0] >= protocol.size[0]:
            used += 1
            seen = resize_image(resize_image(image, protocol.size), input_size)
            scores = keras.ops.convert_to_numpy(network.predict_on_batch(seen[None]))
            prediction = resize_scores(scores[0], protocol.size).argmax(-1)
            matrix.update(reduce_label(label, protocol.size), prediction)
        progress(done, len(dataset.samples))
    if not used:
        raise ValueError(f"Expected frames of {protocol.size} in {dataset.split}. Received: none")
    return matrix


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a uint8 image to (height, width): by averaging down, bilinearly up."""
    if image.shape[:2] == tuple(size):
        return image
    smaller = size[0] < image.shape[0]
    kind = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), kind))


def resize_scores(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring (height, width, classes) to a size: averaged over whole blocks, else bilinearly."""
    height, width, classes = scores.shape
    if (height, width) == tuple(size):
        return scores
    if height % size[0] == 0 and width % size[1] == 0:
        blocks = (size[0], height // size[0], size[1], width // size[1], classes)
        return scores.reshape(blocks).mean(axis=(1, 3))
    resized = keras.ops.image.resize(scores[None], size, data_format="channels_last")
    return keras.ops.convert_to_numpy(resized)[0]


def reduce_label(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A label at the protocol's size: every second pixel of one twice as large.

    Raises:
        ValueError: the label has neither the size nor twice the size.
    """
    if label.shape == tuple(size):
        return label
    if label.shape == (2 * size[0], 2 * size[1]):
        return label[1::2, 0::2]  # CamVid's 480x360 labels are these pixels of its 960x720 ones
    raise ValueError(
        f"Expected a label of {size} or twice that, (height, width). Received: {label.shape}"
    )
