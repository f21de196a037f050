"""The manifest of weights: `weights_manifest.json`, and what a user adds to it."""

import functools
import json
import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from scmnet_zoo.weights import schema
from scmnet_zoo.weights.places import own_path

FILE_NAME = "weights_manifest.json"
VERSION = 2
SHA256_START = "sha256_start"
USERS = "SCMNET_ZOO_MANIFEST"
USERS_LIMIT = 4_000_000  # bytes of a manifest from a URL


@dataclass(frozen=True)
class Wheel:
    """In the package."""


@dataclass(frozen=True)
class Hub:
    """In a Hugging Face model repository, at a commit."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Https:
    """At a URL; `unzip` where it is one file of a zip archive there."""

    url: str
    unzip: bool = False


Source = Wheel | Hub | Https


@dataclass(frozen=True)
class Hash:
    """`algorithm` is sha256, sha1 or md5; `value` in hexadecimal digits."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class File:
    """A file to be had.

    Attributes:
        name: without folders.
        format: `"safetensors"`, `"chainercv2"`, `"keras_applications"`, `"pytorch"` or `"json"`.
        size: in bytes; None where only `maximum_size` is known.
        maximum_size: the most bytes it may have.
        hash: None where its publisher states none.
        sources: where it is, in the order in which they are asked.
        sha256_start: the first digits of its SHA-256, where only these are known; the Hub has to
            state the rest with the file.
    """

    name: str
    format: str
    size: int | None
    maximum_size: int
    hash: Hash | None
    sources: tuple[Source, ...]
    sha256_start: str = ""


@dataclass(frozen=True)
class Made:
    """The file of a run of this project that is published nowhere.

    `size` in bytes, `sha256` in hexadecimal digits. A run of the same command gives another file:
    on a GPU sums are not taken in the same order each time.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class Result:
    """One measurement: mIoU and IoU by class in percent.

    A class that does not occur has no IoU. `command` measures it again; it is None, and `iou` may
    be, for a number that the author states.
    """

    dataset: str
    split: str
    protocol: str
    miou: float
    iou: dict[str, float | None] | None
    command: str | None


@dataclass(frozen=True)
class Entry:
    """One set of weights; docs/weights.md says what the fields are.

    `training_size` is (height, width) in pixels. An unpublished entry has no file; its results, if
    it has any, are those of the file `made`.
    """

    network: str
    name: str
    arguments: dict[str, Any]
    dataset: str
    classes: tuple[str, ...]
    normalisation: dict[str, list[float]]
    training_size: tuple[int, int]
    parameters: int
    licence: str
    data_licence: str
    recipe: str | None
    training_command: str | None
    file: File | None
    made: Made | None
    results: tuple[Result, ...]

    @property
    def key(self) -> str:
        """Network and name, e.g. `scmnet/camvid`."""
        return f"{self.network}/{self.name}"


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
    from scmnet_zoo.weights.download import fetch

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


def parse(text: str, source: str = "manifest") -> tuple[Entry, ...]:
    """The entries of a manifest's text.

    Raises:
        ValueError: what is wrong, in one line with the source, the entry and the field.
    """
    return tuple(_entry(raw) for raw in schema.checked(text, source))


def _entry(raw: dict[str, Any]) -> Entry:
    own = ("state", "file", "made", "results")
    rest = {key: value for key, value in raw.items() if key not in own}
    return Entry(
        **{
            **rest,
            "classes": tuple(raw["classes"]),
            "training_size": tuple(raw["training_size"]),
            "file": _file(raw["file"]) if "file" in raw else None,
            "made": Made(**raw["made"]) if "made" in raw else None,
            "results": tuple(Result(**result) for result in raw.get("results", ())),
        }
    )


def _file(raw: dict[str, Any]) -> File:
    stated = dict(raw["hash"] or {})
    start = stated.pop(SHA256_START, "")
    found = Hash(*next(iter(stated.items()))) if stated else None
    sources = tuple(map(_source, raw["sources"]))
    limit = raw.get("maximum_size", raw["size"])
    return File(raw["name"], raw["format"], raw["size"], limit, found, sources, start)


def _source(raw: dict[str, Any]) -> Source:
    fields = {key: value for key, value in raw.items() if key != "kind"}
    return {"wheel": Wheel, "hub": Hub, "https": Https}[raw["kind"]](**fields)


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry as the manifest holds it; `parse` gives it back."""
    raw: dict[str, Any] = {"network": entry.network, "name": entry.name}
    raw["state"] = "unpublished" if entry.file is None else "published"
    for field in ("arguments", "dataset", "classes", "normalisation", "training_size"):
        raw[field] = getattr(entry, field)
    for field in ("parameters", "licence", "data_licence", "recipe", "training_command"):
        raw[field] = getattr(entry, field)
    if entry.file is not None:
        raw["file"] = _file_as_json(entry.file)
    if entry.made is not None:
        raw["made"] = vars(entry.made)
    if entry.file is not None or entry.made is not None:
        raw["results"] = [vars(result) for result in entry.results]
    return json.loads(json.dumps(raw))


def _file_as_json(file: File) -> dict[str, Any]:
    raw: dict[str, Any] = {"name": file.name, "format": file.format, "size": file.size}
    if file.size is None:
        raw["maximum_size"] = file.maximum_size
    raw["hash"] = None if file.hash is None else {file.hash.algorithm: file.hash.value}
    if file.sha256_start:
        raw["hash"] = {SHA256_START: file.sha256_start}
    raw["sources"] = []
    for source in file.sources:
        fields = {key: value for key, value in vars(source).items() if value is not False}
        raw["sources"].append({"kind": type(source).__name__.lower(), **fields})
    return raw
