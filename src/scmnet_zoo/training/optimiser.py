"""Builds the optimiser of a recipe."""

from typing import Any

import keras

from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.training.recipe import OptimiserSettings
from scmnet_zoo.training.schedule import schedule_of
from scmnet_zoo.weights.checkpoint import is_classifier


class HeadRate:
    """Mixin for Keras optimisers: a separate learning rate for the classifier."""

    head_factor: float = 1.0

    def build(self, variables: list[keras.Variable]) -> None:
        # By index: in `update_step` TensorFlow's variables have no paths.
        paths = [variable.path for variable in variables]
        self._factors = tuple(self.head_factor if is_classifier(p) else 1.0 for p in paths)
        super().build(variables)  # type: ignore[misc]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        factor = self._factors[self._get_variable_index(variable)]  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate * factor)  # type: ignore[misc]


class HeadRateAdamW(HeadRate, keras.optimizers.AdamW):
    pass


class HeadRateSGD(HeadRate, keras.optimizers.SGD):
    pass


def optimiser_of(
    settings: OptimiserSettings, network: keras.Model, steps: int, precision: str
) -> keras.optimizers.Optimizer:
    """The optimiser of a recipe for the trainable variables of a network.

    Args:
        settings: the recipe's optimiser settings.
        network: the network; weight decay applies to its kernels only.
        steps: number of steps of the schedule.
        precision: dtype policy; with `"mixed_float16"` the loss is scaled.
    """
    plain = settings.head_factor == 1  # Keras runs its own classes faster than subclasses
    arguments = {
        "learning_rate": schedule_of(settings, steps),
        "weight_decay": settings.weight_decay,
        "global_clipnorm": settings.clip_norm or None,
    }
    if settings.kind == "adamw":
        chosen = (keras.optimizers.AdamW if plain else HeadRateAdamW)(**arguments)
    else:
        chosen = (keras.optimizers.SGD if plain else HeadRateSGD)(
            momentum=float(settings.momentum), **arguments
        )
    if not plain:
        chosen.head_factor = settings.head_factor
    if settings.weight_decay:
        spared = [v for v in network.trainable_variables if v.path.rsplit("/", 1)[1] != "kernel"]
        chosen.exclude_from_weight_decay(var_list=spared)
    if precision == "mixed_float16":  # small gradients would underflow
        return keras.optimizers.LossScaleOptimizer(chosen)
    return chosen
