"""From names to what `evaluate` takes."""

import logging
import os
from typing import NamedTuple

import keras

from scmnet_zoo.data import Dataset, open_dataset
from scmnet_zoo.data.labels import places_of
from scmnet_zoo.data.pack import PackReader
from scmnet_zoo.evaluation.protocol import Protocol, protocol_of
from scmnet_zoo.loading import Loaded, read_weights
from scmnet_zoo.loading import load as load_network
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.checkpoint import Weights

logger: logging.Logger = logging.getLogger(__name__)


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
    weights: Weights | Loaded,
    dataset: str,
    data: str | os.PathLike[str],
    split: str,
    protocol: str | None = None,
) -> Task:
    """What `evaluate` takes, from names.

    The input size is that on which the weights were trained, else the protocol's. Classes of
    weights and dataset are matched by name (`match_classes`); a warning tells of those classes of
    the dataset that the weights do not know.

    Args:
        network: key of the network; None for the one that a file of weights says.
        weights: what `scmnet_zoo.load` takes, or what it returned.
        dataset: name of the dataset.
        data: its folder.
        split: which part of it.
        protocol: one of `PROTOCOLS[dataset]`, by default the first.

    Raises:
        ValueError: a name is unknown, a file is missing, or the weights' classes are not the
            dataset's.
    """
    if network is not None:
        factory_of(network)  # an unknown network is told before an unknown dataset
    frames = open_dataset(dataset, data, split)
    chosen = protocol_of(dataset, protocol)
    if chosen.full_size_only and isinstance(frames.read, PackReader):
        raise ValueError(
            f"Expected the folder of {dataset} for protocol {chosen.name}, which leaves out frames "
            f"by the size of their files. Received: {data}, a pack of frames of one size"
        )
    classes = frames.space.classes
    if isinstance(weights, Loaded):
        loaded, count = weights, weights.model.output_shape[-1]
    else:
        checkpoint = read_weights(weights, network)
        count = checkpoint.num_classes or len(classes)
        loaded = load_network(checkpoint, network, num_classes=count)
    if loaded.metadata is None:
        if count != len(classes):
            raise ValueError(
                f"Expected weights for the {len(classes)} classes of {dataset}. "
                f"Received: {loaded.source.title}, for {count}"
            )
        return Task(loaded.model, frames, chosen, chosen.size, None)
    size, given = loaded.metadata.training_size or chosen.size, loaded.metadata.classes
    places = None if given == classes else _places(classes, given, dataset, loaded.source.title)
    return Task(loaded.model, frames, chosen, size, places)


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
