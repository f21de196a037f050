"""The manifest of weights: `weights_manifest.json`, parsed strictly."""

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

VERSION = 1
FILE_NAME = "weights_manifest.json"

ENTRY_FIELDS = {
    "name": str,
    "network": str,
    "arguments": dict,
    "dataset": str,
    "classes": list,
    "palette": list,
    "normalisation": dict,
    "training_size": list,
    "parameters": int,
    "file": str,
    "size": int,
    "sha256": str,
    "licence": str,
    "data_licence": str,
    "training_command": str,
    "results": list,
}
RESULT_FIELDS = {
    "dataset": str,
    "split": str,
    "protocol": str,
    "miou": float,
    "iou": dict,
    "command": str,
}


@dataclass(frozen=True)
class Result:
    """One measurement: mIoU and IoU per class in percent, and the command that reproduces it."""

    dataset: str
    split: str
    protocol: str
    miou: float
    iou: dict[str, float]
    command: str


@dataclass(frozen=True)
class Entry:
    """One checkpoint. Sizes are (height, width) in pixels and bytes, palette colours RGB 0..255."""

    name: str
    network: str
    arguments: dict[str, Any]
    dataset: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    normalisation: dict[str, list[float]]
    training_size: tuple[int, int]
    parameters: int
    file: str
    size: int
    sha256: str
    licence: str
    data_licence: str
    training_command: str
    results: tuple[Result, ...]


def manifest_path() -> Path:
    """Where the manifest lies: in the installed package, or at the top of a checkout."""
    packaged = Path(str(resources.files("scmnet_zoo"))) / FILE_NAME
    return packaged if packaged.is_file() else Path(__file__).resolve().parents[3] / FILE_NAME


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries of the shipped manifest."""
    return parse(manifest_path().read_text(encoding="utf-8"))


def names(network: str) -> list[str]:
    """The names of the weights there are for a network."""
    return [entry.name for entry in entries() if entry.network == network]


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


def local_file(entry: Entry) -> Path:
    """The entry's file in the package, its size and hash checked.

    Raises:
        ValueError: the file is missing or is not the one the manifest states.
    """
    path = Path(str(resources.files("scmnet_zoo.weights"))) / "files" / entry.file
    if not path.is_file():
        raise ValueError(f"Expected the shipped file {path} for {entry.network}/{entry.name}.")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != entry.size or digest != entry.sha256:
        raise ValueError(
            f"{path}: expected {entry.size} bytes with sha256 {entry.sha256}. "
            f"Received: {len(content)} bytes with sha256 {digest}; reinstall scmnet-zoo"
        )
    return path


def parse(text: str) -> tuple[Entry, ...]:
    """Parse a manifest.

    Raises:
        ValueError: what is wrong, with the entry and the field.
    """
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise ValueError(f"manifest: {error}") from error
    _check_fields(content, {"version": int, "entries": list}, "manifest")
    if content["version"] != VERSION:
        raise ValueError(f"manifest: expected version {VERSION}. Received: {content['version']}")
    parsed = []
    for position, raw in enumerate(content["entries"]):
        where = f"manifest entry {position}"
        if isinstance(raw, dict) and "network" in raw and "name" in raw:
            where = f"manifest entry {raw['network']}/{raw['name']}"
        parsed.append(_entry(raw, where))
    keys = [(entry.network, entry.name) for entry in parsed]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"manifest: {'/'.join(key)} is there twice")
    return tuple(parsed)


def _unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {max(keys, key=keys.count)!r} is there twice")
    return result


def _check_fields(raw, fields, where):
    if not isinstance(raw, dict):
        raise ValueError(f"{where}: expected an object. Received: {type(raw).__name__}")
    for key in raw:
        if key not in fields:
            raise ValueError(f"{where}: unknown field {key!r}")
    for key, kind in fields.items():
        if key not in raw:
            raise ValueError(f"{where}: field {key!r} is missing")
        if not isinstance(raw[key], kind) or isinstance(raw[key], bool):
            raise ValueError(
                f"{where}: field {key!r}: expected {kind.__name__}. "
                f"Received: {type(raw[key]).__name__}"
            )


def _entry(raw, where) -> Entry:
    _check_fields(raw, ENTRY_FIELDS, where)
    if not re.fullmatch(r"[0-9a-f]{64}", raw["sha256"]):
        raise ValueError(f"{where}: field 'sha256': expected 64 hexadecimal digits")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_\-]*\.safetensors", raw["file"]):
        raise ValueError(f"{where}: field 'file': expected a plain name ending in .safetensors")
    classes = raw["classes"]
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) != len(classes):
        raise ValueError(f"{where}: field 'classes': expected names, each once")
    if len(raw["palette"]) != len(classes) or not all(map(_is_colour, raw["palette"])):
        raise ValueError(f"{where}: field 'palette': expected one RGB colour for each class")
    if not _are_numbers(raw["training_size"], 2, int) or min(raw["training_size"]) < 1:
        raise ValueError(f"{where}: field 'training_size': expected height and width")
    if set(raw["normalisation"]) != {"mean", "std"} or not all(
        _are_numbers(values, 3, float) for values in raw["normalisation"].values()
    ):
        raise ValueError(
            f"{where}: field 'normalisation': expected mean and std, three numbers each"
        )
    results = []
    for result in raw["results"]:
        _check_fields(result, RESULT_FIELDS, f"{where}: results")
        if set(result["iou"]) != set(raw["classes"]):
            raise ValueError(f"{where}: results: field 'iou': expected the entry's classes")
        for field, values in (("iou", list(result["iou"].values())), ("miou", [result["miou"]])):
            if not all(isinstance(v, int | float) and 0 <= v <= 100 for v in values):
                raise ValueError(f"{where}: results: field {field!r}: expected percentages")
        results.append(Result(**result))
    return Entry(
        **{
            **raw,
            "classes": tuple(raw["classes"]),
            "palette": tuple(tuple(colour) for colour in raw["palette"]),
            "training_size": tuple(raw["training_size"]),
            "results": tuple(results),
        }
    )


def _is_colour(raw) -> bool:
    return _are_numbers(raw, 3, int) and all(0 <= value <= 255 for value in raw)


def _are_numbers(raw, count: int, kind: type) -> bool:
    return isinstance(raw, list) and len(raw) == count and all(type(v) is kind for v in raw)
