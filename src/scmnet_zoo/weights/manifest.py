"""The manifest of weights: `weights_manifest.json`, and what a user adds to it."""

import functools
import os
import re
from importlib import resources
from pathlib import Path

from scmnet_zoo.weights.entry import Entry, File, Hash, Https, Wheel, parse
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.places import own_path

FILE_NAME = "weights_manifest.json"
USERS = "SCMNET_ZOO_MANIFEST"
USERS_LIMIT = 4_000_000  # bytes of a manifest from a URL


def manifest_path() -> Path:
    """Where the manifest lies: in the installed package, or at the top of a checkout."""
    packaged = Path(str(resources.files("scmnet_zoo"))) / FILE_NAME
    return packaged if packaged.is_file() else Path(__file__).resolve().parents[3] / FILE_NAME


def entries() -> tuple[Entry, ...]:
    """All entries: the shipped ones, over which those of `SCMNET_ZOO_MANIFEST` go.

    Raises:
        ValueError: a manifest is not as it must be, or the variable names none.
        OSError: the user's manifest cannot be downloaded.
    """
    users = os.environ.get(USERS, "").strip()
    merged = {entry.key: entry for entry in _shipped()}
    if users:
        merged.update({entry.key: entry for entry in _users(users)})
    return tuple(merged.values())


@functools.cache
def _shipped() -> tuple[Entry, ...]:
    return parse(manifest_path().read_text(encoding="utf-8"))


def _users(place: str) -> tuple[Entry, ...]:
    """The user's entries, from a path or from `https://...#sha256=...`."""
    where = f"{USERS}={place}"
    if "://" in place:
        content = _users_download(place)
    else:
        try:
            content = Path(place).expanduser().read_bytes()
        except (OSError, RuntimeError) as error:  # the latter of `~nobody/...`
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{where}: cannot be read: {reason}") from error
    try:
        parsed = parse(content.decode("utf-8"), where)
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: is not a manifest: {error}") from error
    for entry in parsed:
        if entry.file is not None and Wheel() in entry.file.sources:
            raise ValueError(
                f"{where}: entry {entry.key}: field 'file.sources': "
                "only the shipped manifest has files in the wheel"
            )
    return parsed


@functools.lru_cache(maxsize=4)
def _users_download(place: str) -> bytes:
    match = re.fullmatch(r"(https://[^\s@#]+)#sha256=([0-9a-f]{64})", place)
    if match is None:
        raise ValueError(
            f"Expected {USERS} to be a path, or a URL with a hash, "
            f"https://...#sha256=(64 hexadecimal digits). Received: {place}"
        )
    file_hash = Hash("sha256", match[2])
    return fetch(File("manifest.json", "json", None, USERS_LIMIT, file_hash, (Https(match[1]),)))


def names(network: str, published_only: bool = True) -> list[str]:
    """The names of the weights there are for a network, on request with those not published."""
    found = [entry for entry in entries() if entry.network == network]
    return [entry.name for entry in found if entry.file is not None or not published_only]


def find(network: str, name: str) -> Entry:
    """The entry of a network's weights.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    for entry in entries():
        if (entry.network, entry.name) == (network, name):
            return entry
    known = ", ".join(repr(n) for n in names(network)) or "none yet"
    raise ValueError(
        f"Expected weights to be None, a known name for {network} ({known}), or the path of a "
        f".safetensors, .weights.h5 or .keras file. Received: weights={name!r}"
    )


def find_key(key: str) -> Entry:
    """The entry of a key such as `scmnet/camvid`.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    for entry in entries():
        if entry.key == key:
            return entry
    known = ", ".join(entry.key for entry in entries())
    raise ValueError(f"Expected NETWORK/NAME, one of {known}. Received: {key}")


def published_file(entry: Entry) -> File:
    """The file of an entry.

    Raises:
        ValueError: it has none yet; the message says how to make one.
    """
    if entry.file is not None:
        return entry.file
    there = ", ".join(other.key for other in entries() if other.file and other.classes)
    command = entry.training_command or ""
    run = command.rpartition("--output ")[2] or "RUN"
    own = own_path(entry.network, entry.name)
    raise ValueError(
        f"No weights {entry.name!r} of {entry.network} are published yet. To make them: "
        f"`{command}`. Then pass weights='{run}/last.safetensors', or copy that file to {own}, "
        f"where this name finds it. There are: {there}"
    )
