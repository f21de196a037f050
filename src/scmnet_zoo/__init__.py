"""Real-time semantic segmentation of road scenes in Keras.

The names below are imported when first used, so that `scmnet-zoo --help` need not wait for Keras.
"""

import importlib
import sys
from typing import TYPE_CHECKING

from scmnet_zoo._version import __version__

if TYPE_CHECKING:
    from scmnet_zoo import layers, weights
    from scmnet_zoo.models import NETWORKS, ContextNet, DeepLabV3Plus, FastSCNN, SCMNet
    from scmnet_zoo.predict import Result, Segmenter, segment

__all__ = [
    "NETWORKS",
    "ContextNet",
    "DeepLabV3Plus",
    "FastSCNN",
    "Result",
    "SCMNet",
    "Segmenter",
    "__version__",
    "layers",
    "segment",
    "weights",
]

_SUBMODULES = ("layers", "weights")
_PREDICT = ("Result", "Segmenter", "segment")  # all other names are of `models`


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"scmnet_zoo.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'scmnet_zoo' has no attribute {name!r}")
    module = "scmnet_zoo.predict" if name in _PREDICT else "scmnet_zoo.models"
    return getattr(importlib.import_module(module), name)


def __dir__():
    return sorted(__all__)


# Where Keras is there already, its `load_model` is to find the zoo's layers at once.
if "keras" in sys.modules:
    importlib.import_module("scmnet_zoo.layers")
