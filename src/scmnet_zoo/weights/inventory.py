"""Which of the manifest's files are here, and whether they are whole."""

import enum
import hashlib
from pathlib import Path

from scmnet_zoo.weights.entry import Entry, Wheel
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import packaged_path
from scmnet_zoo.weights.places import own_path


class State(enum.Enum):
    """How the weights of an entry can be had."""

    PACKAGED = "shipped"
    CACHED = "cached"
    REMOTE = "downloadable"
    OWN = "own file"
    UNPUBLISHED = "unpublished"


def state_of(entry: Entry) -> State:
    """How the weights of an entry can be had; nothing is read."""
    if entry.file is None:
        own = own_path(entry.network, entry.name)
        return State.OWN if own.is_file() else State.UNPUBLISHED
    if Wheel() in entry.file.sources and packaged_path(entry.file).is_file():
        return State.PACKAGED
    return State.CACHED if cache.cached_path(entry.file).is_file() else State.REMOTE


def stored_path(entry: Entry) -> Path | None:
    """Where the file of an entry lies on this machine, if it does."""
    if state_of(entry) is State.OWN:
        return own_path(entry.network, entry.name)
    if entry.file is not None and state_of(entry) is State.PACKAGED:
        return packaged_path(entry.file)
    if entry.file is not None and state_of(entry) is State.CACHED:
        return cache.cached_path(entry.file)
    return None


def stated_path(entry: Entry) -> Path | None:
    """Where the file lies whose results the manifest states, if it is on this machine.

    A file of one's own is that only where it is the very one that was made.
    """
    path = stored_path(entry)
    if path is None or entry.file is not None:
        return path
    if entry.made is None or path.stat().st_size != entry.made.size:
        return None
    return path if hashlib.sha256(path.read_bytes()).hexdigest() == entry.made.sha256 else None


def verify(entry: Entry) -> str | None:
    """What is wrong with the file of an entry on this machine, in a line; None if it is whole.

    A file of one's own is read as the network's weights; whether it is the one whose results the
    manifest states is what `stated_path` says.

    Raises:
        ValueError: the file is not on this machine.
    """
    path = stored_path(entry)
    if path is None:
        raise ValueError(f"{entry.key} is not on this machine: {state_of(entry).value}")
    if entry.file is None:
        from scmnet_zoo.weights.checkpoint import read_checkpoint  # Keras takes seconds to start

        try:
            read_checkpoint(path, entry.network)
        except ValueError as error:
            return str(error)
        return None
    try:
        cache.read_checked(path, entry.file)
    except (cache.DamagedError, OSError) as error:
        return f"{path}: {error}"
    return None
