"""A training step on JAX, split by timing programs that do ever more of it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np

from scmnet_zoo.benchmark.latency.preset import Cell
from scmnet_zoo.benchmark.latency.profile_jax import compiled, differences, one_by_one, queued_times
from scmnet_zoo.benchmark.latency.rows import Part
from scmnet_zoo.benchmark.latency.train_step import PRECISIONS
from scmnet_zoo.benchmark.training import made_up_source
from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.training import shipped_recipe, training_network
from scmnet_zoo.training.loss import loss_of
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.optimiser import optimiser_of
from scmnet_zoo.training.recipe import Recipe

STEPS = 1000  # over which the schedule runs; it does not change the time
# Each program does what the one before does, and this.
FORWARD, LOSS, OPTIMISED, AUGMENTED = 0, 2, 3, 4
PROGRAMS = ("forward", "backward", "loss", "clipping, optimiser, averages", "augmentation")


class _Same(keras.layers.Layer):
    """Frames as they are."""

    def call(self, images, labels):
        return images, labels


class _Mean(keras.losses.Loss):
    """A number that depends on all logits and takes next to no time."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        logits = y_pred[MAIN] if isinstance(y_pred, dict) else y_pred
        return keras.ops.mean(keras.ops.cast(logits, "float32"))


def train_splitter(cell: Cell, threads: int) -> Callable[[], list[Part]]:
    """A function that splits the step of the network's CamVid recipe.

    Raises:
        ValueError: no such precision or network.
    """
    if cell.precision not in PRECISIONS:
        raise ValueError(f"Expected f32 or bf16 in training. Received: {cell.precision}")
    precision = PRECISIONS[cell.precision]
    recipe = _recipe(cell, precision)
    made = [_program(recipe, cell, number) for number in range(len(PROGRAMS))]
    steps = compiled([step for step, _, _ in made], threads)
    calls = [
        _going_on(step, state, frames) for step, (_, state, frames) in zip(steps, made, strict=True)
    ]
    for call in calls:
        jax.block_until_ready(call())

    def split() -> list[Part]:
        whole = queued_times(calls)
        parts = differences("step", PROGRAMS, whole)
        alone = one_by_one(calls[-1])
        return [*parts, Part("call", "one step, waited for, beyond the above", alone - whole[-1])]

    return split


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


def _program(recipe: Recipe, cell: Cell, number: int) -> tuple[Any, Any, Any]:
    """A step that does the first `number` + 1 of `PROGRAMS`, lowered; its state, its frames."""
    keras.utils.set_random_seed(0)
    network = training_network(cell.network, recipe, CAMVID.classes)
    source = made_up_source(cell.size, cell.batch, 1)
    outputs = network.output if isinstance(network.output, dict) else {}
    auxiliary = [name for name in outputs if name != MAIN]
    loss = loss_of(recipe.loss, None, auxiliary) if number >= LOSS else _Mean()
    augment = Augment(recipe.augmentation, 0, CAMVID.classes) if number >= AUGMENTED else _Same()
    momentum = recipe.optimiser.ema if number >= OPTIMISED else 0.0
    model = TrainingModel(source.layer, network, augment, loss, momentum)
    optimiser = optimiser_of(recipe.optimiser, network, STEPS, recipe.precision)
    frames = jax.numpy.asarray(source.get(np.arange(cell.batch, dtype=np.int32)))
    model(keras.KerasTensor((cell.batch,), dtype="int32"))  # builds it
    optimiser.build(model.trainable_variables)
    state = (
        _values(model.trainable_variables),
        _values(model.non_trainable_variables),
        _values(optimiser.variables),
    )
    step = jax.jit(_step(model, optimiser, number), donate_argnums=(0,))
    return step.lower(state, frames), state, frames


def _going_on(step: Callable[..., Any], state: Any, frames: Any) -> Callable[[], Any]:
    """Each call goes on from the state that the one before has left."""
    kept = [state]

    def call() -> Any:
        kept[0], result = step(kept[0], frames)
        return result

    return call


def _values(variables: Sequence[keras.Variable]) -> list[Any]:
    """Copies: what a step is given it may overwrite."""
    return [jax.numpy.array(variable.value) for variable in variables]


def _step(model: TrainingModel, optimiser: keras.Optimizer, number: int) -> Callable[..., Any]:
    def loss_of_state(trainable, fixed, frames):
        outputs, fixed = model.stateless_call(trainable, fixed, frames, training=True)
        return model.loss_function(outputs["label"], outputs["logits"]), fixed

    def step(state, frames):
        trainable, fixed, moments = state
        if number == FORWARD:
            loss, fixed = loss_of_state(trainable, fixed, frames)
            return (trainable, fixed, moments), loss
        differentiated = jax.value_and_grad(loss_of_state, has_aux=True)
        (loss, fixed), gradients = differentiated(trainable, fixed, frames)
        if number < OPTIMISED:
            return (trainable, fixed, moments), (loss, gradients)
        trainable, moments = optimiser.stateless_apply(moments, gradients, trainable)
        return (trainable, fixed, moments), loss

    return step
