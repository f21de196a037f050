"""The training step on JAX."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import keras

if TYPE_CHECKING:
    from scmnet_zoo.training.model import TrainingModel

# On a GPU use cuBLAS for pointwise convolutions: Triton's kernels compile slower and pad whole
# feature maps to sum gradients in parts.
GPU_OPTIONS = {"xla_gpu_enable_triton_gemm": False}


def compiler_options() -> dict[str, Any] | None:
    """Options of `jax.jit` for a training step; None if XLA does not know them."""
    if jax.default_backend() != "gpu":
        return None
    try:
        jax.jit(lambda x: x + 1, compiler_options=GPU_OPTIONS)(0)
    except jax.errors.JaxRuntimeError:  # another version of XLA
        return None
    return dict(GPU_OPTIONS)


def train_function(step: Callable[..., Any]) -> Callable[[Any, Iterator], Any]:
    """The function that Keras calls at each step, with the state and an iterator of batches."""
    compiled = jax.jit(step, donate_argnums=0, compiler_options=compiler_options())
    return lambda state, batches: compiled(state, next(batches))


def averaged(model: "TrainingModel", trainable: Sequence[Any], fixed: Sequence[Any]) -> list[Any]:
    """Update the moving averages after a step; returns the values of the non-trainable variables.

    Average post-step values; averaging pre-step values would stop XLA from updating some five
    hundred buffers in place.
    """
    if model.averages is None:
        return list(fixed)
    variables = model.non_trainable_variables
    known = [*zip(model.trainable_variables, trainable, strict=True)]
    known += zip(variables, fixed, strict=True)
    with keras.StatelessScope(state_mapping=known) as scope:
        model.averages.update(model.network)
    new = [scope.get_current_value(variable) for variable in variables]
    return [old if value is None else value for old, value in zip(fixed, new, strict=True)]
