"""From names to what `evaluate` takes."""

import logging
import os
from typing import NamedTuple

import keras

from scmnet_zoo.data import Dataset, open_dataset
from scmnet_zoo.data.labels import places_of
from scmnet_zoo.data.pack import PackReader
from scmnet_zoo.evaluation.protocol import Protocol, protocol_of
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.registry import find_checkpoint, network_of

logger = logging.getLogger(__name__)


class Task(NamedTuple):
    """What is measured; `evaluate(*task)` does it.

    Attributes:
        network: with its weights.
        dataset: the frames.
        protocol: how they are measured.
        input_size: (height, width) the network sees of images of that aspect ratio; None for the
            image's own.
        places: for each class of the network its training id in the dataset, 255 where the
            dataset does not have it; None where the classes are the same.
    """

    network: keras.Model
    dataset: Dataset
    protocol: Protocol
    input_size: tuple[int, int] | None
    places: tuple[int, ...] | None


def load(
    network: str | None,
    weights: str | os.PathLike,
    dataset: str,
    data: str | os.PathLike,
    split: str,
    protocol: str | None = None,
) -> Task:
    """What `evaluate` takes, from names.

    The input size is that on which the weights were trained, else the protocol's. Classes of
    weights and dataset are matched by name (`match_classes`); a warning tells of those classes of
    the dataset that the weights do not know.

    Args:
        network: key of the network; None for the one that a file of weights says.
        weights: name or path of the weights, or the folder of a run.
        dataset: name of the dataset.
        data: its folder.
        split: which part of it.
        protocol: one of `PROTOCOLS[dataset]`, by default the first.

    Raises:
        ValueError: a name is unknown, a file is missing, or the weights' classes are not the
            dataset's.
    """
    network = network_of(weights, network)
    factory, frames = factory_of(network), open_dataset(dataset, data, split)
    chosen = protocol_of(dataset, protocol)
    if chosen.full_size_only and isinstance(frames.read, PackReader):
        raise ValueError(
            f"Expected the folder of {dataset} for protocol {chosen.name}, which leaves out frames "
            f"by the size of their files. Received: {data}, a pack of frames of one size"
        )
    checkpoint = find_checkpoint(network, weights)
    classes = frames.space.classes
    size, places, count = chosen.size, None, len(classes)
    if checkpoint is not None and checkpoint.metadata is not None:
        size = checkpoint.metadata.training_size or size
        given = checkpoint.metadata.classes
        if given != classes:
            places, count = _places(classes, given, dataset, weights), len(given)
    elif checkpoint is not None and checkpoint.num_classes not in (None, count):
        raise ValueError(
            f"Expected weights for the {count} classes of {dataset}. "
            f"Received: {weights}, for {checkpoint.num_classes}"
        )
    model = factory(weights=weights, num_classes=count)
    return Task(model, frames, chosen, size, places)


def _places(classes, given, dataset, weights) -> tuple[int, ...]:
    """The training id of each class of the weights.

    Raises:
        ValueError: not one is among the dataset's.
    """
    places = places_of(given, classes)
    unknown = [name for number, name in enumerate(classes) if number not in places]
    if len(unknown) == len(classes):
        raise ValueError(
            f"Expected weights for {dataset}: {', '.join(classes)}. "
            f"Received: {weights}, for {', '.join(given)}"
        )
    if unknown:
        logger.warning(
            "%s does not know these classes of %s, which are left out: %s",
            weights,
            dataset,
            ", ".join(unknown),
        )
    return places
