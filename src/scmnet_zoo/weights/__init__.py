"""Trained weights: the manifest of what there is, and the files they are kept in.

The manifest needs no Keras; what reads and writes files is imported when first used.
"""

import importlib
from typing import TYPE_CHECKING

from scmnet_zoo.weights.manifest import Entry, Result, entries, find, names

if TYPE_CHECKING:
    from scmnet_zoo.weights.checkpoint import (
        Checkpoint,
        Metadata,
        Normalisation,
        read_checkpoint,
        write_checkpoint,
    )

__all__ = [
    "Checkpoint",
    "Entry",
    "Metadata",
    "Normalisation",
    "Result",
    "entries",
    "find",
    "names",
    "read_checkpoint",
    "write_checkpoint",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'scmnet_zoo.weights' has no attribute {name!r}")
    return getattr(importlib.import_module("scmnet_zoo.weights.checkpoint"), name)
