"""From the `weights` argument of a factory to a checkpoint."""

import dataclasses
import functools
import io
import logging
import os
from collections.abc import Mapping
from typing import Any

from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.checkpoint import (
    SUFFIXES,
    Checkpoint,
    read_checkpoint,
    read_safetensors,
    stored_metadata,
)
from scmnet_zoo.weights.entry import Entry
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.foreign.read import read_foreign
from scmnet_zoo.weights.manifest import published_file
from scmnet_zoo.weights.metadata import Metadata, Normalisation
from scmnet_zoo.weights.places import BEST, own_path

logger = logging.getLogger(__name__)

DEFAULT_NETWORK = "scmnet"  # where neither the caller nor a file of weights names one


def network_of(weights: str | os.PathLike | None, network: str | None = None) -> str:
    """The key of a network: the one given, else what the weights say, else `"scmnet"`.

    Args:
        weights: None, a name, a key such as `scmnet/camvid`, the path of a file, or the folder of a
            run.
        network: what the caller says, None for nothing. Whether weights are of it is seen when
            they are read.

    Raises:
        ValueError: a damaged file, or a folder that is not that of a run.
    """
    if network is not None or not isinstance(weights, str | os.PathLike):
        return network or DEFAULT_NETWORK
    entry = _keyed(weights)
    if entry is not None:
        return entry.network
    path = weights_file(weights)
    metadata = None
    if path.endswith(".safetensors") and os.path.isfile(path):
        metadata = stored_metadata(path)
    return DEFAULT_NETWORK if metadata is None else metadata.network


def weights_file(weights: str | os.PathLike) -> str:
    """Weights as given; of the folder of a run the path of `best.safetensors` in it.

    Raises:
        ValueError: a folder without that file.
    """
    text = os.fspath(weights)
    # A name wins over, say, a folder `camvid` in the working directory.
    if not os.path.isdir(text) or text in {entry.name for entry in manifest.entries()}:
        return text
    path = os.path.join(text, BEST)
    if not os.path.isfile(path):
        raise ValueError(
            f"Expected weights to be a name, a file, or the folder of a run with {BEST} in it. "
            f"Received: {text}, a folder without"
        )
    return path


def find_checkpoint(
    network: str,
    weights: str | os.PathLike | None,
    arguments: Mapping[str, Any] | None = None,
) -> Checkpoint | None:
    """The checkpoint that None, a name, a key or a path stands for; downloaded if need be.

    Args:
        network: key of the network.
        weights: as a factory takes them.
        arguments: what the caller gives of the factory's; a name is found with them, see
            `manifest.find`.

    Raises:
        ValueError: an unknown or unpublished name (with what there is), or a file that cannot be
            read.
        OSError: the weights cannot be downloaded.
    """
    if weights is None:
        return None
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(
            f"Expected weights to be None, a name or a path. Received: weights={weights!r}"
        )
    entry = entry_of(network, weights, arguments)
    if entry is not None:
        return named_checkpoint(entry)
    text = weights_file(weights)
    if text.endswith(SUFFIXES) or os.sep in text or os.path.exists(text):
        return read_checkpoint(text, network)
    return named_checkpoint(manifest.find(network, text))


def entry_of(
    network: str, weights: str | os.PathLike, arguments: Mapping[str, Any] | None = None
) -> Entry | None:
    """The manifest's entry that a name or a key such as `scmnet/camvid` stands for, if any.

    A key stands for one entry whatever the arguments; a name is found with them.

    Raises:
        ValueError: a key of another network.
    """
    entry = _keyed(weights)
    if entry is None:
        name = os.fspath(weights)
        if name not in manifest.names(network, published_only=False):
            return None
        return manifest.find(network, name, arguments)
    if entry.network != network:
        raise ValueError(
            f"Expected weights of the network {network!r}. "
            f"Received: weights={entry.key!r}; take that network, or leave --network out"
        )
    return entry


def _keyed(weights: str | os.PathLike) -> Entry | None:
    """The entry of a key; a file or a folder of that path goes before."""
    text = os.fspath(weights)
    if "/" not in text or os.path.exists(text):
        return None
    return next((entry for entry in manifest.entries() if entry.key == text), None)


def named_checkpoint(entry: Entry) -> Checkpoint:
    """The checkpoint of an entry; of an unpublished one what the user has put in its place.

    Raises:
        ValueError: it is not published, or the file is not as the entry says.
        OSError: it cannot be downloaded.
    """
    if entry.file is None:
        own = own_path(entry.network, entry.name)
        if own.is_file():
            return read_checkpoint(own, entry.network)
    file = published_file(entry)
    content = fetch(file)
    if entry.learned_from is not None:
        _tell(entry.key, entry.learned_from)
    if file.format != "safetensors":
        return _converted(content, file.name, entry)
    found = read_safetensors(content, file.name, entry.network)
    if found.metadata is None or _stated(found.metadata) != metadata_of(entry):
        raise ValueError(
            f"{file.name}: what it says of itself is not what the manifest says of {entry.key}"
        )
    return found


@functools.cache
def _tell(key: str, learned_from: str) -> None:
    """Say in the log, once a process, what weights learned from; seen unless it is turned off."""
    logger.warning("%s: %s", key, learned_from)


def metadata_of(entry: Entry) -> Metadata:
    """What the manifest says that a file of weights says too."""
    statistics = entry.normalisation
    return Metadata(
        network=entry.network,
        arguments=entry.arguments,
        classes=entry.classes,
        normalisation=Normalisation(tuple(statistics["mean"]), tuple(statistics["std"])),
        training_size=entry.training_size,
    )


def _stated(metadata: Metadata) -> Metadata:
    """What the manifest says too of what a file says; colours and categories are the file's."""
    return dataclasses.replace(metadata, palette=None, categories=None)


def _converted(content: bytes, source: str, entry: Entry) -> Checkpoint:
    """A file of others, in the zoo's own terms."""
    imported = read_foreign(io.BytesIO(content), source)
    if imported.network != entry.network:
        raise ValueError(
            f"{source}: expected weights of {entry.network}. Received: those of {imported.network}"
        )
    return Checkpoint(source, imported.tensors, metadata_of(entry))
