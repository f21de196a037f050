"""Trained weights: the manifest of what there is, and the files they are kept in.

The manifest needs no Keras; what reads and writes files is imported when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from scmnet_zoo.weights.entry import Entry, Result
from scmnet_zoo.weights.manifest import entries, find, names

if TYPE_CHECKING:
    from scmnet_zoo.importers import import_checkpoint
    from scmnet_zoo.loading import Loaded, load
    from scmnet_zoo.weights.average import average_checkpoints
    from scmnet_zoo.weights.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
    from scmnet_zoo.weights.fetch.download import DownloadError
    from scmnet_zoo.weights.inventory import State, state_of, verify
    from scmnet_zoo.weights.metadata import Metadata, Normalisation

LAZY = {
    "Checkpoint": "checkpoint",
    "Metadata": "metadata",
    "average_checkpoints": "average",
    "Normalisation": "metadata",
    "read_checkpoint": "checkpoint",
    "write_checkpoint": "checkpoint",
    "DownloadError": "fetch.download",
    "import_checkpoint": "..importers",
    "Loaded": "..loading",
    "load": "..loading",
    "State": "inventory",
    "state_of": "inventory",
    "verify": "inventory",
}

__all__ = [
    "Checkpoint",
    "DownloadError",
    "Entry",
    "Loaded",
    "Metadata",
    "Normalisation",
    "Result",
    "State",
    "average_checkpoints",
    "entries",
    "find",
    "import_checkpoint",
    "load",
    "names",
    "read_checkpoint",
    "state_of",
    "verify",
    "write_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'scmnet_zoo.weights' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{LAZY[name]}", "scmnet_zoo.weights"), name)
