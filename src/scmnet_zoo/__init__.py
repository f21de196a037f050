"""Real-time semantic segmentation of road scenes in Keras.

The names below are imported when first used, so that `scmnet-zoo --help` need not wait for Keras.
"""

# ruff: noqa: F405
import importlib
import sys

from scmnet_zoo._version import __version__

TYPE_CHECKING = False  # that of `typing`, whose import takes longer than all of this
if TYPE_CHECKING:
    from typing import Any

    from scmnet_zoo import data, layers, losses, metrics, weights
    from scmnet_zoo.loading import Loaded, load
    from scmnet_zoo.models import *  # noqa: F403  each factory, with its arguments
    from scmnet_zoo.predict import Result, Segmenter, segment
    from scmnet_zoo.training import train

__all__ = [
    "NETWORKS",
    "ContextNet",
    "DeepLabV3Plus",
    "EfficientViT",
    "FastSCNN",
    "Loaded",
    "Result",
    "SCMNet",
    "Segmenter",
    "__version__",
    "data",
    "factory_of",
    "layers",
    "load",
    "losses",
    "metrics",
    "segment",
    "train",
    "weights",
]

_SUBMODULES = ("data", "layers", "losses", "metrics", "weights")
# Where names come from; all others are of `models`.
_HOMES = {
    "Loaded": "loading",
    "Result": "predict",
    "Segmenter": "predict",
    "load": "loading",
    "segment": "predict",
    "train": "training",
}


def __getattr__(name: str) -> "Any":
    if name in _SUBMODULES:
        return importlib.import_module(f"scmnet_zoo.{name}")
    if name in __all__:
        return getattr(importlib.import_module(f"scmnet_zoo.{_HOMES.get(name, 'models')}"), name)
    cards = importlib.import_module("scmnet_zoo.catalogue.networks").NETWORK_CARDS
    for card in cards.values():
        if card.name == name:
            return card.load()
    raise AttributeError(f"module 'scmnet_zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


# Where Keras is there already, its `load_model` is to find the zoo's classes at once.
if "keras" in sys.modules:
    for _name in ("layers", "losses", "metrics"):
        importlib.import_module(f"scmnet_zoo.{_name}")
