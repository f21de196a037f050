"""Types in the signatures of the layers."""

from collections.abc import Callable
from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # a tensor of the backend, or a symbolic `keras.KerasTensor`
Shape: TypeAlias = tuple[int | None, ...]
Activation: TypeAlias = str | Callable[[Any], Any] | None  # what `keras.activations.get` takes
