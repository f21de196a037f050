"""The training loop, on every Keras backend."""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import keras
import numpy as np

from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.dataset import Dataset
from scmnet_zoo.data.loader import Source, class_shares, endless, is_kept, order_of, reading
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.training.distillation import Distillation
from scmnet_zoo.training.feature_distillation import feature_distillation_of
from scmnet_zoo.training.loss import class_weights, loss_of
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.optimiser import optimiser_of
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.schedule import schedule_of
from scmnet_zoo.training.standing import Standing
from scmnet_zoo.training.start import freeze
from scmnet_zoo.training.teachers import Teachers, check_teachers
from scmnet_zoo.training.validation import Validation

logger: logging.Logger = logging.getLogger(__name__)


class Records(Protocol):
    """Receives a run's results and state; `Results` writes them into a folder."""

    def standing(self) -> Standing:
        """How far the run has come."""

    def load_state(self, variables: list[keras.Variable]) -> None:
        """Restore the saved values of the variables."""

    def save_state(self, variables: list[keras.Variable], standing: Standing) -> None:
        """Save the progress of the run and the values of the variables."""

    def keep(self, standing: Standing, best: bool, validation: Validation | None) -> None:
        """Save the network's current weights, also as the best ones if `best`, and the results."""

    def not_finite(self, step: int, names: list[str]) -> str:
        """Save the frame names of a step; returns the part of the message that says where."""


class InMemory:
    """Records of a run that writes no files."""

    def __init__(self):
        self._standing = Standing()
        self._values: list[Any] = []

    def standing(self) -> Standing:
        return self._standing

    def load_state(self, variables: list[keras.Variable]) -> None:
        for variable, value in zip(variables, self._values, strict=True):
            variable.assign(value)

    def save_state(self, variables: list[keras.Variable], standing: Standing) -> None:
        self._standing = standing
        self._values = [_copy(v) for v in variables]

    def keep(self, standing: Standing, best: bool, validation: Validation | None) -> None:
        pass

    def not_finite(self, step: int, names: list[str]) -> str:
        return f"its frames are {', '.join(names)}"


def fit(
    network: keras.Model,
    train: Source,
    recipe: Recipe,
    seed: int = 0,
    validation: Source | None = None,
    records: Records | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    teachers: Sequence[keras.Model] = (),
) -> list[dict[str, Any]]:
    """Train a network that returns logits, in place; at the end it has the averaged weights.

    Args:
        network: from images 0..255 to logits at the images' size, or a dict of such.
        train: the training frames, at the recipe's size.
        recipe: the settings of the run.
        seed: seed of the order of frames and of the augmentation.
        validation: the validation frames, at the recipe's size.
        records: receives results and state; a run resumes from its state.
        progress: called with the number of steps begun and the total.
        teachers: networks from images 0..255 to probabilities for knowledge distillation, weighted
            by the recipe's `loss.teachers`.

    Returns:
        A dict per epoch: `epoch`, `step`, `learning_rate`, `loss`, `seconds`, and after a
        validation `val_loss`, `val_miou` and the other scores of `Validation`.

    Raises:
        ValueError: the loss is not finite, a frame cannot be read, the recipe mixes classes that
            the frames do not have, or there are teachers without `loss.teachers` or vice versa.
        KeyboardInterrupt: after Ctrl-C, with the state saved.
    """
    check_teachers(recipe, len(teachers) or int(train.taught))
    run = _Run(network, train, recipe, seed, validation, records or InMemory(), progress, teachers)
    try:
        with _stopping_at_interrupt(run):
            while run.standing.epoch < recipe.epochs and not run.interrupted:
                run.phase()
    finally:  # unfreeze after an interruption in a frozen phase
        if recipe.freeze_epochs:
            freeze(network, run.learning, False)
    if run.interrupted:
        raise KeyboardInterrupt
    return run.standing.rows


class _Run:
    """The phases of a run: one with a frozen network if the recipe has it, one with all of it."""

    def __init__(self, network, train, recipe, seed, validation, records, progress, teachers):
        self.network, self.train, self.recipe = network, train, recipe
        self.records, self.progress = records, progress
        self.order = order_of(train, recipe.batch_size, seed)
        self.augment = Augment(recipe.augmentation, seed, train.dataset.space.classes)
        self.learning = [layer.trainable for layer in network.layers]
        weights = None
        if recipe.loss.class_weights != "none" or is_kept(
            train
        ):  # otherwise this would read every frame
            shares = class_shares(train, recipe.size)
            weights = class_weights(shares, recipe.loss.class_weights)
            _warn_of_absent(train.dataset, shares)
        outputs = network.output if isinstance(network.output, dict) else {}
        self.loss = loss_of(recipe.loss, weights, [name for name in outputs if name != MAIN])
        self.teachers = Teachers(teachers, recipe.loss.teachers, weights) if teachers else None
        self.feature_distillation = feature_distillation_of(network, recipe)
        self.distillation = None
        if train.taught:
            self.distillation = Distillation(recipe.loss.teachers, recipe.loss.auxiliary, weights)
        self.validation = None
        if validation is not None:
            if is_kept(validation):
                class_shares(validation, recipe.size)  # raises if there is nothing to measure
            self.validation = Validation(network, validation, recipe, self.loss)
        self.standing: Standing = records.standing()
        self.model: TrainingModel | None = None
        self.interrupted = False

    def phase(self) -> None:
        """Train to the end of the current phase, or until interrupted."""
        frozen = self.standing.epoch < self.recipe.freeze_epochs
        first = 0 if frozen else self.recipe.freeze_epochs
        last = self.recipe.freeze_epochs if frozen else self.recipe.epochs
        steps = (last - first) * self.order.steps
        if self.recipe.freeze_epochs:
            freeze(self.network, self.learning, frozen)
        settings = self.recipe.optimiser
        self.model = TrainingModel(
            self.train.layer,
            self.network,
            self.augment,
            self.loss,
            settings.ema,
            first * self.order.steps,
            self.teachers,
            self.feature_distillation,
            self.distillation,
        )
        optimiser = optimiser_of(settings, self.model, steps, self.recipe.precision)
        self.model.compile(optimizer=optimiser, jit_compile=keras.backend.backend() == "jax")
        optimiser.build(self.model.trainable_variables)
        schedule = schedule_of(settings, steps)
        while self.standing.epoch < last and not self.interrupted:
            within = self.standing.epoch > first or self.standing.step > 0
            if within:
                self.records.load_state(self.state(optimiser))
            elif first:  # the result of the previous phase
                self.records.load_state(self.model.state())
                if self.model.averages is not None:
                    self.model.averages.restart(self.network)
            self._stretch(optimiser, schedule, first, last)

    def state(self, optimiser) -> list[keras.Variable]:
        assert self.model is not None
        return self.model.state() + optimiser.variables

    def _stretch(self, optimiser, schedule, first: int, last: int) -> None:
        """Call `fit` for the rest of an interrupted epoch, or for all epochs left in a phase."""
        assert self.model is not None
        standing = self.standing
        begun = standing.epoch * self.order.steps + standing.step
        total = self.recipe.epochs * self.order.steps
        with reading(endless(self.train, self.order, begun)) as batches:
            self.model.fit(
                _counted(batches, begun, total, self.progress),
                steps_per_epoch=self.order.steps - standing.step,
                initial_epoch=standing.epoch,
                epochs=standing.epoch + 1 if standing.step else last,
                callbacks=[_EpochEnd(self, optimiser, schedule, first, last), *self._seeding()],
                shuffle=False,
                verbose=0,
            )

    def _seeding(self) -> list[keras.callbacks.Callback]:
        if keras.backend.backend() != "torch":
            return []
        from scmnet_zoo.training._torch import SeedDropout

        def begun():
            return self.standing.epoch * self.order.steps + self.standing.step

        return [SeedDropout(self.order.seed, begun)]


class _EpochEnd(keras.callbacks.Callback):
    """At the end of each epoch: validate, save, continue or stop."""

    def __init__(self, run: _Run, optimiser, schedule, first: int, last: int):
        super().__init__()
        self.run, self.optimiser, self.schedule = run, optimiser, schedule
        self.first, self.last = first, last
        self.started = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        if self.run.interrupted:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        run, standing = self.run, self.run.standing
        self._check_finite()
        steps = int(keras.ops.convert_to_numpy(self.model.steps_seen.value))
        done = steps - epoch * run.order.steps
        if done < run.order.steps:
            run.standing = replace(standing, step=done)
            run.records.save_state(run.state(self.optimiser), run.standing)
            logger.info("interrupted in epoch %d after step %d; state saved", epoch + 1, steps)
            return
        row = {
            "epoch": epoch + 1,
            "step": steps,
            "learning_rate": float(self.schedule(steps - self.first * run.order.steps)),
            "loss": float(keras.ops.convert_to_numpy(self.model.loss_sum.value)) / done,
            "seconds": round(time.monotonic() - self.started, 3),
        }
        self.model.loss_sum.assign(0.0)
        run.standing = Standing(epoch + 1, 0, standing.best, [*standing.rows, row])
        if (epoch + 1) % run.recipe.validate_every == 0 or epoch + 1 == self.last:
            self._measure(row)
        elif standing.step or run.interrupted:  # the next call of `fit` starts from the state
            run.records.save_state(run.state(self.optimiser), run.standing)

    def _measure(self, row) -> None:
        """Validate and save the averaged weights, and save the state."""
        run = self.run
        variables = run.network.weights
        raw = [_copy(v) for v in variables]
        if self.model.averages is not None:
            self.model.averages.copy_to(run.network)
        best = False
        if run.validation is not None:
            row.update(run.validation())
            if not math.isfinite(row["val_loss"]):
                raise ValueError(
                    f"Expected a finite loss. Received: {row['val_loss']} in the validation after "
                    f"epoch {row['epoch']}; the results before it are kept"
                )
            if math.isnan(row["val_miou"]):
                logger.warning("all labels of the validation frames are void")
            best = row["val_miou"] > run.standing.best
        if best:
            run.standing = replace(run.standing, best=row["val_miou"])
        scores = "".join(f" {key} {row[key]:.4f}" for key in ("val_loss", "val_miou") if key in row)
        total = run.recipe.epochs
        logger.info("epoch %d/%d loss %.4f%s", row["epoch"], total, row["loss"], scores)
        run.records.keep(run.standing, best, run.validation)
        if row["epoch"] == self.last:  # the next phase starts from the averages
            run.records.save_state(self.model.state(), run.standing)
            return
        for variable, value in zip(variables, raw, strict=True):
            variable.assign(value)
        run.records.save_state(run.state(self.optimiser), run.standing)

    def _check_finite(self) -> None:
        step = int(keras.ops.convert_to_numpy(self.model.first_bad.value))
        if step:
            run = self.run
            samples = run.train.dataset.samples
            names = [samples[number].name for number in run.order.batch(step - 1)]
            where = run.records.not_finite(step, names)
            raise ValueError(
                f"Expected a finite loss. Received: one that is not, in step {step}; {where}"
            )


def _warn_of_absent(dataset: Dataset, shares: np.ndarray) -> None:
    absent = [name for name, share in zip(dataset.space.classes, shares, strict=True) if not share]
    if absent:
        names = ", ".join(absent)
        logger.warning("no pixel of %s %s is of: %s", dataset.name, dataset.split, names)


def _copy(variable: keras.Variable) -> np.ndarray:
    """A copy of the value; on PyTorch the array could share the variable's memory."""
    return np.array(keras.ops.convert_to_numpy(variable.value))


def _counted(batches: Iterator, begun: int, total: int, progress) -> Iterator:
    for number, batch in enumerate(batches, start=begun + 1):
        progress(min(number, total), total)
        yield batch


@contextlib.contextmanager
def _stopping_at_interrupt(run: _Run) -> Iterator[None]:
    """Ctrl-C stops after the current step, a second one at once; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        run.interrupted = True
        if run.model is not None:
            run.model.stop_training = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
