"""The learning-rate schedule."""

from typing import Any

import keras
import numpy as np
from keras import ops

from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.training.recipe import OptimiserSettings


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to the peak, then decay to 0 at the last step, or constant.

    Args:
        peak: peak learning rate.
        warmup_steps: steps of the warm-up.
        steps: total number of steps.
        shape: `"cosine"`, `"polynomial"` or `"constant"`.
        power: exponent of the polynomial decay.
    """

    def __init__(self, peak: float, warmup_steps: int, steps: int, shape: str, power: float):
        self.peak: float = peak
        self.warmup_steps: int = warmup_steps
        self.steps: int = steps
        self.shape: str = shape
        self.power: float = power

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        rising = step / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        done = ops.clip(done, 0.0, 1.0)
        if self.shape == "cosine":
            falling = 0.5 * (1 + ops.cos(np.pi * done))
        elif self.shape == "polynomial":
            falling = ops.power(1 - done, self.power)
        else:
            falling = ops.ones_like(done)
        return self.peak * ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "steps": self.steps,
            "shape": self.shape,
            "power": self.power,
        }


def schedule_of(settings: OptimiserSettings, steps: int) -> Schedule:
    """The schedule of a recipe over a number of steps."""
    return Schedule(
        settings.learning_rate,
        round(settings.warmup * steps),
        steps,
        settings.schedule,
        settings.power,
    )
