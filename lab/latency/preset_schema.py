"""What a preset's file may hold."""

from typing import Any

SCOPES = ("network", "mask", "jpeg", "video", "train")
RUNTIMES = ("tensorflow", "jax", "torch", "onnxruntime", "openvino", "litert")
FORMS = ("stock", "model", "fused", "eager", "compiled", "export")
PRECISIONS = ("f32", "bf16", "int8")
PARALLEL = ("jax", "torch")  # runtimes that may have several processes

_NAMES = {"type": "array", "minItems": 1, "items": {"type": "string"}}
_SIZE = {
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "items": {"type": "integer", "minimum": 32},
}
_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_COUNT = {"type": "integer", "minimum": 1}


def _names_of(known: tuple[str, ...]) -> dict[str, Any]:
    return {**_NAMES, "items": {"enum": list(known)}}


def _table(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": required | optional,
    }


_CELL = _table(
    {
        "network": {"type": "string"},
        "runtime": {"enum": list(RUNTIMES)},
        "form": {"enum": list(FORMS)},
        "precision": {"enum": list(PRECISIONS)},
        "size": _SIZE,
        "scope": {"enum": list(SCOPES)},
    },
    {"batch": _COUNT},
)
_CELLS = {
    "type": "array",
    "minItems": 1,
    "items": _table(
        {
            "networks": _NAMES,
            "runtimes": _names_of(RUNTIMES),
            "forms": _names_of(FORMS),
            "precisions": _names_of(PRECISIONS),
            "sizes": {"type": "array", "minItems": 1, "items": _SIZE},
            "scopes": _names_of(SCOPES),
        },
        {"batch": _COUNT},
    ),
}
SCHEMA = _table(
    {
        "rounds": _COUNT,
        "turn_runs": _COUNT,
        "turn_seconds": _POSITIVE,
        "prepare_seconds": _POSITIVE,
        "blocks": {
            "type": "array",
            "minItems": 1,
            "items": _table({"title": {"type": "string"}, "cells": _CELLS}, {}),
        },
    },
    {
        "threads": _COUNT,
        "prepare_at_once": _COUNT,
        "processes": _table({}, dict.fromkeys(PARALLEL, _COUNT)),
        "profiles": _CELLS,
        "targets": {
            "type": "array",
            "items": _table(
                {"text": {"type": "string"}, "limit": _POSITIVE, "cell": _CELL}, {"than": _CELL}
            ),
        },
    },
)
