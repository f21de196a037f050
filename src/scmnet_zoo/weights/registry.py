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
    Weights,
    check_network,
    read_checkpoint,
    read_safetensors,
    sha256,
)
from scmnet_zoo.weights.entry import Entry
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.foreign.read import read_foreign
from scmnet_zoo.weights.manifest import published_file
from scmnet_zoo.weights.metadata import Metadata, Normalisation
from scmnet_zoo.weights.places import BEST, own_path

logger: logging.Logger = logging.getLogger(__name__)

DEFAULT_NETWORK = "scmnet"  # where neither the caller nor a file of weights names one


def weights_file(weights: str | os.PathLike[str]) -> str:
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
    network: str | None,
    weights: Weights | None,
    arguments: Mapping[str, Any] | None = None,
) -> Checkpoint | None:
    """Read the weights that a caller names; downloads them if need be.

    Args:
        network: key of the network that they must be of; None for the one that a file or a key
            states, else `"scmnet"`.
        weights: None, a name, a key such as `"scmnet/camvid"`, the path of a file, the folder of a
            run, or a checkpoint, which is returned as it is.
        arguments: what the caller gives of the factory's; a name is found with them, see
            `manifest.find`.

    Raises:
        ValueError: an unknown or unpublished name (the message lists the known ones), a file that
            cannot be read, or weights of another network.
        OSError: the weights cannot be downloaded.
    """
    if weights is None:
        return None
    if isinstance(weights, Checkpoint):
        check_network(weights.network, network, weights.source)
        return weights
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(
            f"Expected weights to be None, a name or a path. Received: weights={weights!r}"
        )
    text = weights_file(weights)
    entry = named_entry(network, text, arguments)
    found = read_checkpoint(text, network) if entry is None else named_checkpoint(entry)
    return found if found.network else dataclasses.replace(found, network=DEFAULT_NETWORK)


def named_entry(
    network: str | None, text: str, arguments: Mapping[str, Any] | None = None
) -> Entry | None:
    """The entry that weights name; None for the path of a file.

    A name is looked for before a file in the working directory, a key such as `scmnet/camvid`
    after it. A key stands for one entry whatever the arguments; a name is found with them.

    Raises:
        ValueError: neither a name nor a path; the message lists the names.
    """
    if "/" in text and not os.path.exists(text):
        keys = {entry.key: entry for entry in manifest.entries()}
        if text in keys:
            check_network(keys[text].network, network, text)
            return keys[text]
    if text.endswith(SUFFIXES) or os.sep in text or "/" in text:
        return None
    network = network or DEFAULT_NETWORK
    if os.path.exists(text) and text not in manifest.names(network, published_only=False):
        return None
    return manifest.find(network, text, arguments)


def named_checkpoint(entry: Entry) -> Checkpoint:
    """The checkpoint of an entry; of an unpublished one what the user has put in its place.

    Raises:
        ValueError: it is not published, or the file is not as the entry says.
        OSError: it cannot be downloaded.
    """
    if entry.file is None:
        own = own_path(entry.network, entry.name)
        if own.is_file():
            return dataclasses.replace(read_checkpoint(own, entry.network), name=entry.name)
    file = published_file(entry)
    content = fetch(file)
    if entry.learned_from is not None:
        _tell(entry.key, entry.learned_from)
    stated = f"{file.hash.algorithm}:{file.hash.value}" if file.hash else sha256(content)
    if file.format != "safetensors":
        found = _converted(content, file.name, entry)
        return dataclasses.replace(found, name=entry.name, hash=stated)
    found = read_safetensors(content, file.name, entry.network)
    if found.metadata is None or _stated(found.metadata) != entry_metadata(entry):
        raise ValueError(
            f"{file.name}: what it says of itself is not what the manifest says of {entry.key}"
        )
    return dataclasses.replace(found, name=entry.name, hash=stated)


@functools.cache
def _tell(key: str, learned_from: str) -> None:
    """Say in the log, once a process, what weights learned from; seen unless it is turned off."""
    logger.warning("%s: %s", key, learned_from.partition(". ")[0])


def entry_metadata(entry: Entry) -> Metadata:
    """The metadata of a file of weights, as far as the manifest states them."""
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
    return Checkpoint(source, imported.tensors, entry_metadata(entry), network=entry.network)
