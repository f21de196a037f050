"""Registration of layers, losses and metrics, so that `.keras` files find them by name."""

from collections.abc import Callable
from typing import Any, TypeVar

import keras

PACKAGE = "scmnet_zoo"
Class = TypeVar("Class", bound=type)

_COMPOSITES: list[type] = []


def register(cls: Class) -> Class:
    """Register a class under the package name `scmnet_zoo`."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)


def register_as(saved_name: str) -> Callable[[Class], Class]:
    """Register a class under the name that it has in saved files.

    Keras writes `cls.__name__` into `.keras` files, and as part of the paths in HDF5 files. It is
    set to the saved name; `cls.__qualname__` stays.
    """

    def rename(cls: Class) -> Class:
        cls.__name__ = saved_name
        return register(cls)

    return rename


def register_composite(cls: Class) -> Class:
    """Register a layer whose `call` does nothing but call its sublayers.

    Such a `call` on symbolic tensors makes a graph of the sublayers, which is how
    `scmnet_zoo.deploy.fuse` takes the layer apart.
    """
    _COMPOSITES.append(cls)
    return register(cls)


def is_composite(layer: Any) -> bool:
    """Whether a layer was registered by `register_composite`."""
    return isinstance(layer, tuple(_COMPOSITES))
