"""What the tests of training share besides their fixtures."""

import csv
import dataclasses
import hashlib

import keras
import pytest
from testing_tools import toy

from scmnet_zoo import plots
from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.training import LossSettings, OptimiserSettings, Recipe, fit, pictures, train
from scmnet_zoo.training.run_folder import TIMING

BACKEND = keras.backend.backend()


def long_on_jax(test):
    """Marks what fits, for which JAX compiles for seconds each time."""
    return pytest.mark.long(test) if BACKEND == "jax" else test


# Of six frames in batches of two: three steps an epoch.
RECIPE = Recipe(
    size=(36, 48),
    batch_size=2,
    epochs=2,
    augmentation=Augmentation(crop=(32, 32), scale=(0.8, 1.25), flip=0.5, brightness=0.1),
    optimiser=OptimiserSettings(learning_rate=0.05, warmup=0.0, ema=0.5),
    loss=LossSettings(),
)


# What fits several times, which only PyTorch does without compiling.
LONG_BUT_ON_TORCH = () if BACKEND == "torch" else (pytest.mark.long,)


def long_but_on_torch(test):
    """Marks such a test; cases of one take the marks above."""
    return test if BACKEND == "torch" else pytest.mark.long(test)


def changed(recipe=RECIPE, **values):
    """A recipe with other values; `optimiser_...` and `loss_...` go into its tables."""
    for table in ("optimiser", "loss"):
        inner = {k.removeprefix(f"{table}_"): values.pop(k) for k in list(values) if table in k}
        values[table] = dataclasses.replace(getattr(recipe, table), **inner)
    return dataclasses.replace(recipe, **values)


# A run in a folder: six steps an epoch, the backbone frozen in the first, validation after the
# first, the second and the last.
RUN = changed(
    epochs=4,
    batch_size=1,
    validations=2,
    freeze_epochs=1,
    loss_auxiliary=0.4,
    loss_class_weights="log",
    optimiser_head_factor=2.0,
    arguments={"dropout": 0.2, "width": 6},
)


def without_pictures(set_attribute):
    """Curves and confusion are not drawn, which takes longer than to train a toy."""
    set_attribute(pictures, "write_curves", lambda path, rows: None)
    set_attribute(plots, "write_confusion", lambda path, matrix, classes: None)


def logits(seed=0, **arguments):
    """A toy for `fit`."""
    keras.utils.set_random_seed(seed)
    return toy(classifier_activation=None, **arguments)


def fitted(frames, recipe=RECIPE, seed=0, **arguments):
    """A toy and the rows of its training."""
    network = logits(seed, auxiliary=bool(recipe.loss.auxiliary), **recipe.arguments)
    return network, fit(network, frames, recipe, seed, **arguments)


def trained(folder, output, recipe=RECIPE, network="toy", **arguments):
    """The result of `train` on the dataset in a folder."""
    return train(network, "camvid", folder, output, recipe, **arguments)


def untimed(rows):
    """Rows without what differs between runs that are otherwise alike."""
    return [{key: value for key, value in row.items() if key not in TIMING} for row in rows]


def metrics(output):
    """The rows of a run's metrics.csv, as text."""
    with (output / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def hashes(output):
    """SHA-256 of the files in a folder by their names in it."""
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def assert_same_run(output, other):
    """That two folders hold the same results to the last bit."""
    assert untimed(metrics(output)) == untimed(metrics(other))
    for name in ("last.safetensors", "best.safetensors"):
        assert hashes(output)[name] == hashes(other)[name], name


def at_step(step, action):
    """A `progress` that acts where a step begins."""

    def progress(done, total):
        if done == step:
            action()

    return progress
