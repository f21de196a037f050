"""Types in the signatures of layers, losses, metrics and training."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

Tensor: TypeAlias = Any  # a tensor of the backend, or a symbolic `keras.KerasTensor`
Layer: TypeAlias = keras.layers.Layer  # type checkers that skip Keras's source read it as Any
Shape: TypeAlias = tuple[int | None, ...]
Activation: TypeAlias = str | Callable[[Any], Any] | None  # what `keras.activations.get` takes
