"""What a training step on JAX spends its time on, by kernels.

PyTorch's profiler sees all kernels of the process, JAX's too, and works where JAX's own does not.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np

from lab.latency.kernels import AUGMENT, Kernel, origins, step_parts
from lab.latency.preset import Cell
from lab.latency.rows import Part
from lab.latency.train_step import PRECISIONS
from lab.latency.training import made_up_source
from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.training import shipped_recipe, training_network
from scmnet_zoo.training._jax import averaged, compiler_options
from scmnet_zoo.training.loss import loss_of
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.optimiser import optimiser_of
from scmnet_zoo.training.recipe import Recipe

STEPS = 1000  # over which the schedule runs; it does not change the time
WARMING, RUNS = 3, 10


def train_splitter(cell: Cell) -> Callable[[], list[Part]]:
    """A function that splits the step of the network's CamVid recipe.

    Raises:
        ValueError: no such precision or network, or no GPU.
        ImportError: PyTorch is not installed.
    """
    import torch

    if cell.precision not in PRECISIONS:
        raise ValueError(f"Expected f32 or bf16 in training. Received: {cell.precision}")
    if not torch.cuda.is_available():
        raise ValueError("Expected a GPU that PyTorch sees, for its profiler. Received: none")
    model, optimiser, frames = _training(_recipe(cell, PRECISIONS[cell.precision]), cell)
    step = Step(model, optimiser, frames)
    origin = origins(step.program.as_text() or "")
    step.run(WARMING)

    def split() -> list[Part]:
        whole = step.run(RUNS)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
            step.run(RUNS)
            torch.cuda.synchronize()
        parts = step_parts(_kernels(found), origin, model.network.name, optimiser.name, RUNS)
        rest = whole - sum(part.seconds for part in parts if part.by == "step")
        return [*parts, Part("call", "between the kernels", rest)]

    return split


class Step:
    """A compiled training step that goes on from the state it has left.

    Args:
        model: built.
        optimiser: built for its variables.
        frames: what it takes at each step.

    Attributes:
        program: compiled.
        state: values of the trainable and of the other variables, and of the optimiser's.
    """

    def __init__(self, model: TrainingModel, optimiser: keras.Optimizer, frames: Any):
        self._frames = frames
        self.state = tuple(
            _values(variables)
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                optimiser.variables,
            )
        )
        step = jax.jit(
            _step(model, optimiser), donate_argnums=0, compiler_options=compiler_options()
        )
        self.program = step.lower(self.state, frames).compile()

    def run(self, count: int) -> float:
        """Seconds a step of several, of which only the last is waited for."""
        start = time.perf_counter()
        for _ in range(count):
            self.state, loss = self.program(self.state, self._frames)
        jax.block_until_ready(loss)
        return (time.perf_counter() - start) / count


def _training(recipe: Recipe, cell: Cell) -> tuple[TrainingModel, keras.Optimizer, Any]:
    """Model, optimiser and frames of the recipe, built."""
    keras.utils.set_random_seed(0)
    network = training_network(cell.network, recipe, CAMVID.classes)
    source = made_up_source(cell.size, cell.batch, 1)
    outputs = network.output if isinstance(network.output, dict) else {}
    loss = loss_of(recipe.loss, None, [name for name in outputs if name != MAIN])
    augment = Augment(recipe.augmentation, 0, CAMVID.classes, name=AUGMENT)
    model = TrainingModel(source.layer, network, augment, loss, recipe.optimiser.ema)
    optimiser = optimiser_of(recipe.optimiser, network, STEPS, recipe.precision)
    model(keras.KerasTensor((cell.batch,), dtype="int32"))  # builds it
    optimiser.build(model.trainable_variables)
    return model, optimiser, jax.numpy.asarray(source.get(np.arange(cell.batch, dtype=np.int32)))


def _recipe(cell: Cell, precision: str) -> Recipe:
    """The network's CamVid recipe at the cell's size and batch."""
    recipe = shipped_recipe(cell.network, "camvid")
    augmentation = dataclasses.replace(recipe.augmentation, crop=cell.size)
    return dataclasses.replace(
        recipe,
        size=cell.size,
        batch_size=cell.batch,
        precision=precision,
        augmentation=augmentation,
    )


def _values(variables: Sequence[keras.Variable]) -> list[Any]:
    """Copies: what a step is given it may overwrite."""
    return [jax.numpy.array(variable.value) for variable in variables]


def _step(model: TrainingModel, optimiser: keras.Optimizer) -> Callable[..., Any]:
    """As `TrainingModel.train_step`, without Keras's own bookkeeping."""

    def loss_of_state(trainable, fixed, frames):
        outputs, fixed = model.stateless_call(trainable, fixed, frames, training=True)
        return model.loss_function(outputs["label"], outputs["logits"]), fixed

    def step(state, frames):
        trainable, fixed, moments = state
        differentiated = jax.value_and_grad(loss_of_state, has_aux=True)
        (loss, fixed), gradients = differentiated(trainable, fixed, frames)
        trainable, moments = optimiser.stateless_apply(moments, gradients, trainable)
        return (trainable, averaged(model, trainable, fixed), moments), loss

    return step


def _kernels(found: Any) -> list[Kernel]:
    """Those that a profile has of the GPU, in their order."""
    from torch.autograd import DeviceType

    events = [event for event in found.events() if event.device_type == DeviceType.CUDA]
    events.sort(key=lambda event: event.time_range.start)
    return [(event.name, event.device_time_total / 1e6) for event in events]
