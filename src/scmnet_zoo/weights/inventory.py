"""State of the manifest's weights on this machine, and verification of their files."""

import enum
import hashlib
from pathlib import Path

from scmnet_zoo.weights.entry import Entry, Wheel
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import packaged_path
from scmnet_zoo.weights.places import own_path


class State(enum.Enum):
    """Availability of an entry's weights."""

    PACKAGED = "shipped"
    CACHED = "cached"
    REMOTE = "downloadable"
    OWN = "own file"
    UNPUBLISHED = "unpublished"


def state_of(entry: Entry) -> State:
    """Return the availability of an entry's weights, without reading a file."""
    if entry.file is None:
        own = own_path(entry.network, entry.name)
        return State.OWN if own.is_file() else State.UNPUBLISHED
    if Wheel() in entry.file.sources and packaged_path(entry.file).is_file():
        return State.PACKAGED
    return State.CACHED if cache.cached_path(entry.file).is_file() else State.REMOTE


def stored_path(entry: Entry) -> Path | None:
    """Return the path of an entry's file on this machine, or None."""
    if state_of(entry) is State.OWN:
        return own_path(entry.network, entry.name)
    if entry.file is not None and state_of(entry) is State.PACKAGED:
        return packaged_path(entry.file)
    if entry.file is not None and state_of(entry) is State.CACHED:
        return cache.cached_path(entry.file)
    return None


def stated_path(entry: Entry) -> Path | None:
    """Return the path of the file whose results the manifest states; None if not on this machine.

    A user's file counts if its hash is that of the entry's `made`.
    """
    path = stored_path(entry)
    if path is None or entry.file is not None:
        return path
    if entry.made is None or path.stat().st_size != entry.made.size:
        return None
    return path if hashlib.sha256(path.read_bytes()).hexdigest() == entry.made.sha256 else None


def verify(entry: Entry) -> str | None:
    """Verify an entry's file on this machine. Returns the problem in one line, or None.

    A user's file is read as weights of the network; `stated_path` compares it with the manifest.

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
