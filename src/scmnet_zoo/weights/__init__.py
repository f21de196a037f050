"""Trained weights: the manifest of what there is, and the files they are kept in."""

from scmnet_zoo.weights.checkpoint import (
    Checkpoint,
    Metadata,
    Normalisation,
    read_checkpoint,
    write_checkpoint,
)
from scmnet_zoo.weights.manifest import Entry, Result, entries, find, names

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
