"""Load weights: the network they are of, what they state, and where they are from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from scmnet_zoo.importers import import_checkpoint
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.checkpoint import SUFFIXES, Checkpoint, Weights, check_network
from scmnet_zoo.weights.metadata import Metadata
from scmnet_zoo.weights.registry import find_checkpoint, named_entry, weights_file

UNNAMED = (
    "Expected weights that name their classes: a name that `scmnet-zoo weights` lists, "
    "or a .safetensors file written by the zoo. Received: weights={!r}"
)


@dataclass(frozen=True)
class Origin:
    """Where weights are from.

    Attributes:
        network: key of the network.
        name: name of the weights in the manifest; None of another file.
        file: path or name of the file.
        hash: of the file, `"algorithm:digits"`.
    """

    network: str
    name: str | None
    file: str
    hash: str

    @property
    def title(self) -> str:
        """The name of the weights; where they have none, the file."""
        return self.name or self.file


@dataclass(frozen=True)
class Loaded:
    """A network with its weights.

    Attributes:
        model: the network.
        metadata: what the weights state: classes, normalisation, training size. None for `.keras`
            and `.weights.h5` files, which state nothing.
        source: where the weights are from.
    """

    model: keras.Model
    metadata: Metadata | None
    source: Origin


def read_weights(
    weights: Weights,
    network: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Read weights once, downloading them if need be.

    Args:
        weights: a name (`scmnet-zoo weights` lists them), a key such as `"scmnet/camvid"`, the path
            of a `.safetensors`, `.keras` or `.weights.h5` file, the folder of a run, the path of a
            file that `scmnet_zoo.weights.import_checkpoint` takes (for Cityscapes' classes), or a
            checkpoint, which is returned as it is.
        network: key of the network that they must be of. Defaults to the one that a file or a key
            states, else `"scmnet"`.
        arguments: of the network's factory, with which a name is found. Defaults to none.

    Raises:
        ValueError: an unknown network, unknown weights, a file that cannot be read, or weights of
            another network.
        OSError: the weights cannot be downloaded.
    """
    if network is not None:
        factory_of(network)  # an unknown network is told before unknown weights
    if isinstance(weights, str | os.PathLike):
        text = weights_file(weights)
        of_others = os.path.isfile(text) and not text.endswith(SUFFIXES)
        if of_others and named_entry(network, text, arguments) is None:
            weights = import_checkpoint(text)
            check_network(weights.network, network, text)
    found = find_checkpoint(network, weights, arguments)
    if found is None:
        raise ValueError(UNNAMED.format(weights))
    return found


def load(weights: Weights, network: str | None = None, *, num_classes: int | None = None) -> Loaded:
    """Load a network with its weights. The file is read once.

    Args:
        weights, network: see `read_weights`.
        num_classes: number of classes. Defaults to that of the weights, else 19.

    Raises:
        ValueError: as `read_weights`, or weights that do not fit the network.
        OSError: the weights cannot be downloaded.

    Example:

    >>> loaded = load("scmnet/camvid")
    >>> loaded.metadata.classes[:3]
    ('sky', 'building', 'pole')
    """
    checkpoint = read_weights(weights, network)
    assert checkpoint.network is not None  # set by `read_weights`
    count = checkpoint.num_classes if num_classes is None else num_classes
    wanted = {} if count is None else {"num_classes": count}
    model = factory_of(checkpoint.network)(weights=checkpoint, **wanted)
    origin = Origin(checkpoint.network, checkpoint.name, checkpoint.source, checkpoint.hash)
    return Loaded(model, checkpoint.metadata, origin)
