"""The manifest of weights: `weights_manifest.json`, and what a user adds to it."""

import functools
import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from scmnet_zoo.weights.entry import Entry, File, Hash, Https, Wheel, parse
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.places import own_path

FILE_NAME = "weights_manifest.json"
DEFAULT_NAME = "camvid"  # of the weights where nobody names any
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


def find(network: str, name: str, arguments: Mapping[str, Any] | None = None) -> Entry:
    """The entry of a network's weights.

    Arguments that contradict those of the entry `name` find another one, whose name begins with
    `name` and an underscore and that states them: `camvid` with `backbone="mobilenet_v2"` finds
    `camvid_mobilenet_v2`. Of several, one in the package is found before one to be downloaded, and
    this before an unpublished one.

    Args:
        network: key of the network.
        name: of the weights.
        arguments: of the factory; those that are None, or not given, say nothing.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    own = [entry for entry in entries() if entry.network == network]
    named = next((entry for entry in own if entry.name == name), None)
    if named is None:
        known = ", ".join(repr(n) for n in names(network)) or "none yet"
        raise ValueError(
            f"Expected weights to be None, a known name for {network} ({known}), or the path of a "
            f".safetensors, .weights.h5 or .keras file. Received: weights={name!r}"
        )
    given = {
        key: list(value) if isinstance(value, tuple) else value  # as in JSON
        for key, value in (arguments or {}).items()
        if value is not None
    }
    other = {k: v for k, v in given.items() if k in named.arguments and v != named.arguments[k]}
    others = [
        entry
        for entry in own
        if entry.name.startswith(f"{name}_")
        and all(entry.arguments.get(k) == v for k, v in other.items())
    ]
    return min(others, key=_distance) if other and others else named


def default(network: str) -> str:
    """The name of the weights that a network takes where nobody names any.

    `DEFAULT_NAME` where it can be had, else the first that can: in the package before elsewhere,
    and names that begin with `DEFAULT_NAME` before others.
    """
    own = [entry for entry in entries() if entry.network == network and _there(entry)]
    if not own or any(entry.name == DEFAULT_NAME for entry in own):
        return DEFAULT_NAME
    return min(own, key=lambda e: (_distance(e), not e.name.startswith(DEFAULT_NAME))).name


def _there(entry: Entry) -> bool:
    """Whether weights can be had: published, or put in their place by the user."""
    return entry.file is not None or own_path(entry.network, entry.name).is_file()


def _distance(entry: Entry) -> int:
    """0 of weights in the package or the user's own, 1 of others to be had, 2 of none."""
    if entry.file is not None and Wheel() not in entry.file.sources:
        return 1
    return 0 if _there(entry) else 2


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
        ValueError: it has none yet; the message says what to take instead and how to make one.
    """
    if entry.file is not None:
        return entry.file
    raise ValueError(_unpublished(entry))


def _unpublished(entry: Entry) -> str:
    """That an entry has no file, in a line: what to take instead, then how to make one."""
    there = [one for one in entries() if one.classes and _there(one)]
    there.sort(key=lambda one: (_distance(one), one.name != one.dataset))  # plain names first
    own = [one for one in there if one.network == entry.network]
    like = [one for one in there if set(one.classes) == set(entry.classes)]
    own_like = [one for one in own if one in like]
    others_like = [one for one in like if one not in own]
    classes = f"the same {len(entry.classes)} classes"
    said = f"No weights {entry.name!r} of {entry.network} are published yet"
    if own_like:
        said += f": take {_as_arguments(own_like[0], entry)}, {classes}."
        if own_like[1:]:
            said += f" Or {_keys(own_like[1:])}."
        if others_like:
            said += f" Of other networks with {classes} there are {_keys(others_like)}."
    elif others_like:
        said += f": take {_keys(others_like[:1])}, another network with {classes}."
        if others_like[1:]:
            said += f" Or {_keys(others_like[1:])}."
    else:
        said += "."
    if own and not own_like:
        said += f" Of {entry.network} there are, for other classes, {_keys(own)}."
    command = entry.training_command or ""
    run = command.rpartition("--output ")[2] or "RUN"
    return (
        f"{said} To train them: `{command}`. Then pass weights='{run}/last.safetensors', or copy "
        f"that file to {own_path(entry.network, entry.name)}, where this name finds it"
    )


def _as_arguments(entry: Entry, instead_of: Entry) -> str:
    """`weights=` of an entry, and the arguments that differ from those of another."""
    differ = {
        key: value
        for key, value in entry.arguments.items()
        if key in instead_of.arguments and value != instead_of.arguments[key]
    }
    others = "".join(f" with {key}={value!r}" for key, value in differ.items())
    return f"weights={entry.name!r}{others}"


def _keys(found: list[Entry]) -> str:
    return ", ".join(entry.key for entry in found)
