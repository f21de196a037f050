"""The training step on JAX, as XLA runs it fastest."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import keras

if TYPE_CHECKING:
    from scmnet_zoo.training.model import TrainingModel

# On a GPU the products of pointwise convolutions by cuBLAS: Triton's take longer to compile, and
# pad whole maps to have their gradients summed in parts.
GPU_OPTIONS = {"xla_gpu_enable_triton_gemm": False}


def compiler_options() -> dict[str, Any] | None:
    """Options of `jax.jit` for a training step; none where XLA does not know them."""
    if jax.default_backend() != "gpu":
        return None
    try:
        jax.jit(lambda x: x + 1, compiler_options=GPU_OPTIONS)(0)
    except jax.errors.JaxRuntimeError:  # another version's
        return None
    return dict(GPU_OPTIONS)


def train_function(step: Callable[..., Any]) -> Callable[[Any, Iterator], Any]:
    """What Keras calls for each step, with the state and where the next batch comes from."""
    compiled = jax.jit(step, donate_argnums=0, compiler_options=compiler_options())
    return lambda state, batches: compiled(state, next(batches))


def averaged(model: "TrainingModel", trainable: Sequence[Any], fixed: Sequence[Any]) -> list[Any]:
    """The values of a model's variables that are not trained, with the averages of those given.

    Of what the step has left, not of what it found: what XLA still has to read it does not write in
    its place, but copies, some five hundred variables one by one.
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
