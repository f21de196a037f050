"""Entries of the manifest of weights, and their JSON."""

import json
from dataclasses import dataclass
from typing import Any

from scmnet_zoo.weights import schema

VERSION = 2  # version of the JSON format
SHA256_START = "sha256_start"


@dataclass(frozen=True)
class Wheel:
    """Source: the installed package."""


@dataclass(frozen=True)
class Hub:
    """Source: a Hugging Face model repository at a commit."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Https:
    """Source: a URL. `unzip`: the file is in a zip archive at the URL."""

    url: str
    unzip: bool = False


Source = Wheel | Hub | Https


@dataclass(frozen=True)
class Hash:
    """Hash of a file. `algorithm` is sha256, sha1 or md5; `value` is hexadecimal."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class File:
    """A published file of weights.

    Attributes:
        name: file name without folders.
        format: `"safetensors"`, `"chainercv2"`, `"keras_applications"`, `"pytorch"` or `"json"`.
        size: size in bytes; None if only `maximum_size` is known.
        maximum_size: largest accepted size in bytes.
        hash: hash of the file; None if its publisher states none.
        sources: sources of the file, in the order in which they are tried.
        sha256_start: first digits of the SHA-256, if only these are known. The Hub must state the
            complete hash.
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
    """Unpublished file of weights from a run of this project.

    `size` is in bytes, `sha256` hexadecimal. The same command gives a different file, since GPU
    sums are not deterministic.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class Result:
    """Result of one measurement: mIoU and IoU of each class in percent.

    The IoU of a class that does not occur is None. `command` repeats the measurement. For a number
    stated by the author, `command` is None and `iou` can be None.
    """

    dataset: str
    split: str
    protocol: str
    miou: float
    iou: dict[str, float | None] | None
    command: str | None


@dataclass(frozen=True)
class Entry:
    """One set of weights; docs/weights_manifest.schema.json describes the fields.

    `training_size` is (height, width) in pixels. An unpublished entry has no file; its results, if
    it has any, are those of the file `made`. `learned_from` says what the weights learned from
    where the dataset's name alone would promise too much.
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
    learned_from: str | None = None

    @property
    def key(self) -> str:
        """Network and name, e.g. `scmnet/camvid`."""
        return f"{self.network}/{self.name}"


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
    if entry.learned_from is not None:
        raw["learned_from"] = entry.learned_from
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
