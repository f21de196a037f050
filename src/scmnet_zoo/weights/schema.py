"""The strict parsing of a manifest: a JSON Schema, and what a schema cannot say.

The schema is docs/weights_manifest.schema.json; the package carries a copy.
"""

import functools
import json
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

from scmnet_zoo.catalogue.networks import BACKBONES, NETWORK_CARDS

SCHEMA_NAME = "weights_manifest.schema.json"
# Names that Windows takes for devices, whatever their suffix.
RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)}
TYPES = {"object": "an object", "array": "a list", "integer": "a whole number", "null": "null"}


def checked(text: str, source: str) -> list[dict[str, Any]]:
    """The entries of a manifest's text, once everything about them has been checked.

    Raises:
        ValueError: what is wrong, in one line with the source, the entry and the field.
    """
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: is not a manifest: {error}") from error
    problem = next(iter(sorted(_validator().iter_errors(content), key=_order)), None)
    if problem is not None:
        raise ValueError(f"{_place(problem, content, source)}: {_words(problem)}")
    seen = set()
    for entry in content["entries"]:
        key = f"{entry['network']}/{entry['name']}"
        if key in seen:
            raise ValueError(f"{source}: {key} is there twice")
        seen.add(key)
        _check(entry, f"{source}: entry {key}")
    return content["entries"]


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    packaged = Path(str(resources.files("scmnet_zoo"))) / SCHEMA_NAME
    in_checkout = Path(__file__).resolve().parents[3] / "docs" / SCHEMA_NAME
    path = packaged if packaged.is_file() else in_checkout
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def _unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {max(keys, key=keys.count)!r} is there twice")
    return result


def _no_constant(name):
    raise ValueError(f"{name} is no number of JSON")


def _order(problem) -> tuple:
    """Unknown and missing fields first, and last what only does not go together."""
    ranks = {"additionalProperties": 0, "required": 0, "not": 2}
    path = [str(part) for part in problem.absolute_path]
    return (ranks.get(problem.validator, 1), len(path), path)


def _place(problem, content, source: str) -> str:
    """The entry and the field that a problem is in."""
    path = list(problem.absolute_path)
    if len(path) < 2 or path[0] != "entries":
        return source if not path else f"{source}: field {'.'.join(map(str, path))!r}"
    entry, where = content["entries"][path[1]], f"entry {path[1]}"
    if isinstance(entry, dict) and {"network", "name"} <= set(entry):
        where = f"entry {entry['network']}/{entry['name']}"
    field = ".".join(map(str, path[2:]))
    return f"{source}: {where}" + (f": field {field!r}" if field else "")


def _words(problem) -> str:
    """A problem in a line of bounded length."""
    received = json.dumps(problem.instance)
    received = received if len(received) <= 80 else f"{received[:77]}..."
    rule = problem.validator_value
    match problem.validator:
        case "additionalProperties":
            known = set(problem.schema["properties"])
            unknown = [key for key in problem.instance if key not in known]
            return f"unknown field {unknown[0]!r}"
        case "required":
            missing = [key for key in rule if key not in problem.instance]
            return f"field {missing[0]!r} is missing"
        case "not":
            return "is not expected beside the others"
        case "type":
            kinds = [rule] if isinstance(rule, str) else rule
            expected = " or ".join(TYPES.get(kind, f"a {kind}") for kind in kinds)
        case "const":
            expected = repr(rule)
        case "enum":
            expected = f"one of {', '.join(map(repr, rule))}"
        case "pattern":
            expected = f"text of the form {rule.replace('(?!' + chr(92) + 'n)', '')}"
        case "uniqueItems":
            expected = "each value once"
        case name:
            expected = f"{name} {rule}"
    return f"expected {expected}. Received: {received}"


def _check(entry: dict[str, Any], where: str) -> None:
    """What the schema cannot say of an entry."""
    networks = (*NETWORK_CARDS, *BACKBONES)
    if entry["network"] not in networks:
        raise ValueError(
            f"{where}: field 'network': expected one of {', '.join(map(repr, networks))}. "
            f"Received: {json.dumps(entry['network'])}"
        )
    if not all(value > 0 for value in entry["normalisation"]["std"]):
        raise ValueError(f"{where}: field 'normalisation.std': expected numbers above 0")
    for result in entry.get("results", ()):
        if result["iou"] is not None and set(result["iou"]) != set(entry["classes"]):
            raise ValueError(f"{where}: field 'results.iou': expected the entry's classes")
    if "file" not in entry:
        return
    name = entry["file"]["name"]
    if name.split(".")[0].lower() in RESERVED:
        raise ValueError(f"{where}: field 'file.name': {name!r} is a reserved name")
    for source in entry["file"]["sources"]:
        if source["kind"] == "https":
            try:
                host = urlsplit(source["url"]).hostname
            except ValueError:
                host = None
            if not host:
                raise ValueError(
                    f"{where}: field 'file.sources': expected a URL with a host. "
                    f"Received: {source['url']!r}"
                )
        if source["kind"] == "wheel" and entry["file"]["hash"] is None:
            raise ValueError(f"{where}: field 'file.hash': expected a hash of a file in the wheel")
