"""The training loop on drawn scenes, with a network of two convolutions."""

import dataclasses
import logging
import math

import keras
import numpy as np
import pytest
from keras import ops
from testing_tools import arrays, assert_same_weights, toy
from training_tools import (
    LONG_BUT_ON_TORCH,
    RECIPE,
    changed,
    fitted,
    logits,
    long_but_on_torch,
    long_on_jax,
    untimed,
)

from scmnet_zoo.data import camvid
from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.loader import Order, source_of
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.training import fit
from scmnet_zoo.training.loop import InMemory
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.start import dtype_policy

CLASSES = 11
VOID_LABEL = np.full(RECIPE.size, 255, np.uint8)


@pytest.fixture(scope="module")
def plain(train_frames):
    """A network and the rows of its training; and the progress."""
    seen = []
    network, rows = fitted(train_frames, progress=lambda *one: seen.append(one))
    return network, rows, seen


def test_rows_and_progress(plain):
    _, rows, seen = plain
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6)]
    assert rows[0]["learning_rate"] == pytest.approx(0.025)
    assert rows[1]["learning_rate"] == pytest.approx(0, abs=1e-8)
    assert all(row["seconds"] > 0 and math.isfinite(row["loss"]) for row in rows)
    assert 0 < rows[1]["loss"] < rows[0]["loss"]
    assert list(rows[0]) == ["epoch", "step", "learning_rate", "loss", "seconds"]
    assert [done for done, _ in seen][:6] == [1, 2, 3, 4, 5, 6]
    assert {total for _, total in seen} == {6}


@long_on_jax
@pytest.mark.parametrize("keep", [pytest.param("memory", marks=LONG_BUT_ON_TORCH), "files"])
def test_where_frames_are_kept_does_not_matter(plain, folder, keep):
    source = source_of(camvid(folder, "train"), RECIPE.size, keep, workers=2)
    network, rows = fitted(source)
    assert untimed(rows) == untimed(plain[1])
    assert_same_weights(network, plain[0])


@long_but_on_torch
def test_another_seed_gives_another_result(plain, train_frames):
    network, rows = fitted(train_frames, seed=1)
    assert rows[-1]["loss"] != plain[1][-1]["loss"]
    kernels = [arrays(one)["head_classifier/kernel"] for one in (network, plain[0])]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


@long_on_jax
def test_the_loss_falls(train_frames, val_frames, caplog):
    recipe = changed(epochs=16, validations=4, optimiser_head_factor=2.0)
    with caplog.at_level(logging.INFO, "scmnet_zoo"):
        _, rows = fitted(train_frames, recipe, validation=val_frames)
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    validated = [row["epoch"] for row in rows if "val_miou" in row]
    assert validated == [4, 8, 12, 16]
    assert rows[-1]["val_pixel_accuracy"] > 0.6
    assert rows[-1]["val_loss"] < rows[3]["val_loss"]
    lines = [record.getMessage() for record in caplog.records]
    assert lines[-1].startswith(f"epoch 16/16 loss {rows[-1]['loss']:.4f} val_loss ")
    assert len(lines) == 4


@long_but_on_torch
def test_the_averaged_weights_are_kept(train_frames):
    """The averages take no part in the training, and are what is left after it."""
    plain, rows = fitted(train_frames, changed(epochs=4, optimiser_ema=0.0))
    averaged, same = fitted(train_frames, changed(epochs=4, optimiser_ema=0.9))
    assert [row["loss"] for row in rows] == [row["loss"] for row in same]
    values = arrays(plain)
    del values["stem_conv/bias"]  # before a batch norm it has no gradient, but for rounding
    for path, value in values.items():
        assert np.abs(arrays(averaged)[path] - value).max() > 1e-4, path  # moving statistics too


class Snapshots(InMemory):
    """Records of all weights of a network by epoch."""

    def __init__(self, network):
        super().__init__()
        self.network, self.weights = network, [arrays(network)]

    def keep(self, standing, best, validation):
        copies = {path: np.array(value) for path, value in arrays(self.network).items()}
        self.weights.append(copies)


@long_on_jax
@pytest.mark.parametrize("ema", [pytest.param(0.0, marks=LONG_BUT_ON_TORCH), 0.5])
def test_frozen_epochs(train_frames, ema):
    """Only the classifiers learn, the auxiliary one too; then all does."""
    recipe = changed(epochs=4, freeze_epochs=2, loss_auxiliary=0.4, optimiser_ema=ema)
    network = logits(auxiliary=True)
    for variable in network.get_layer("stem_bn").weights:
        variable.assign(np.linspace(0.5, 1.5, 8))
    records = Snapshots(network)
    fit(network, train_frames, recipe, records=records)
    assert len(records.weights) == 5
    for epoch in (1, 2, 3, 4):
        before, after = records.weights[epoch - 1], records.weights[epoch]
        for path, value in after.items():
            learns = "classifier" in path or epoch > 2
            assert np.array_equal(value, before[path]) != learns, (epoch, path)
    assert all(layer.trainable for layer in network.layers)


@long_but_on_torch
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_too(train_frames, val_frames, precision):
    recipe = changed(epochs=16, precision=precision, freeze_epochs=1, validations=1)
    with dtype_policy(precision):
        network = logits()
    rows = fit(network, train_frames, recipe, validation=val_frames)
    assert network.get_layer("stem_conv").compute_dtype == precision.removeprefix("mixed_")
    assert {v.dtype for v in network.weights} == {"float32"}
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    assert keras.config.dtype_policy().name == "float32"


# What stops it.


@keras.saving.register_keras_serializable("tests")
class Poison(keras.layers.Layer):
    """Black images become NaN."""

    def call(self, images):
        black = ops.max(images, axis=(1, 2, 3), keepdims=True) < 20
        return ops.where(black, float("nan"), images)


def _with_black(folder, number):
    """The frames of which one is black."""
    dataset = camvid(folder, "train")
    name = dataset.samples[number].name

    def read(sample):
        image, label = dataset.read(sample)
        return (image * (sample.name != name)).astype("uint8"), label

    return source_of(dataclasses.replace(dataset, read=read), RECIPE.size)


def test_a_loss_that_is_not_finite_stops(folder):
    """After the epoch, naming the frames of the step in which it came up, here the second."""
    numbers = Order(6, RECIPE.batch_size, 0).batch(1)
    source = _with_black(folder, numbers[0])
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, logits()(Poison()(inputs)))
    names = ", ".join(source.dataset.samples[number].name for number in numbers)
    with pytest.raises(ValueError, match=rf"not, in step 2; its frames are {names}$"):
        fit(network, source, changed(augmentation=Augmentation(crop=(36, 48))))


class Broken:
    """Frames of which one cannot be read once it is asked for so many times."""

    def __init__(self, source, number, error):
        self.source, self.number, self.error = source, number, error
        self.dataset, self.layer = source.dataset, source.layer
        self.mixture, self.taught = source.mixture, source.taught

    def get(self, numbers):
        if self.number in numbers:
            raise self.error
        return self.source.get(numbers)


@long_but_on_torch
def test_a_validation_that_is_not_finite_keeps_nothing(train_frames, val_frames):
    """The training loss is that before the last step, which may have spoilt the weights."""

    class Kept(InMemory):
        kept = 0

        def keep(self, standing, best, validation):
            Kept.kept += 1

    recipe = changed(
        epochs=2,
        batch_size=6,  # one step an epoch
        optimiser_kind="sgd",
        optimiser_learning_rate=1e38,
        optimiser_schedule="constant",
        optimiser_clip_norm=0.0,
        optimiser_ema=0.0,
    )
    records = Kept()
    with pytest.raises(ValueError, match=r"nan in the validation after epoch 1") as caught:
        fitted(train_frames, recipe, validation=val_frames, records=records)
    assert "\n" not in str(caught.value)
    assert (records.standing().epoch, Kept.kept) == (0, 0)


@long_but_on_torch
def test_a_layer_that_stands_still_stays_so(train_frames):
    network = logits()
    network.layers[-2].trainable = False
    held = {v.path: np.array(ops.convert_to_numpy(v.value)) for v in network.layers[-2].weights}
    assert held
    fit(network, train_frames, changed(epochs=1))
    assert not network.layers[-2].trainable
    for variable in network.layers[-2].weights:
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), held[variable.path])


def test_a_run_broken_off_leaves_nothing_frozen(train_frames, monkeypatch):
    """`fit` again on the same network would take it for what the user froze."""

    def stop(*arguments, **named):
        assert not all(layer.trainable for layer in network.layers)
        raise KeyboardInterrupt

    network = logits()
    network.layers[-2].trainable = False
    before = [layer.trainable for layer in network.layers]
    monkeypatch.setattr(TrainingModel, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(network, train_frames, changed(epochs=2, freeze_epochs=1))
    assert [layer.trainable for layer in network.layers] == before


def test_classes_without_a_pixel_are_named(folder, caplog, monkeypatch):
    dataset = camvid(folder, "train")

    def without_sky(sample):
        image, label = dataset.read(sample)
        return image, np.where(label == 0, 255, label).astype(np.uint8)

    def stop(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingModel, "fit", stop)
    source = source_of(dataclasses.replace(dataset, read=without_sky), RECIPE.size)
    with pytest.raises(KeyboardInterrupt):
        fit(logits(), source, RECIPE)
    assert "no pixel of camvid train is of: sky" in caplog.text
    void = dataclasses.replace(dataset, read=lambda sample: (without_sky(sample)[0], VOID_LABEL))
    with pytest.raises(ValueError, match="labels of camvid train that are not all void"):
        fit(logits(), source_of(void, RECIPE.size), RECIPE)
    with pytest.raises(ValueError, match="labels of camvid train that are not all void"):
        fit(logits(), source, RECIPE, validation=source_of(void, RECIPE.size))


@pytest.mark.parametrize("error", [ValueError("frame 3: bad"), OSError("frame 3: gone")], ids=repr)
def test_errors_in_reading_reach_the_caller(train_frames, error):
    with pytest.raises(type(error), match=f"^{error}$") as caught:
        fitted(Broken(train_frames, 3, error))
    assert caught.value is error


@long_on_jax
def test_errors_in_reading_validation_frames_reach_the_caller(train_frames, val_frames):
    error = ValueError("frame 0: bad")
    with pytest.raises(ValueError, match=r"^frame 0: bad$") as caught:
        fitted(train_frames, validation=Broken(val_frames, 0, error))
    assert caught.value is error


def test_no_augmentation_outside_training(train_frames):
    augment = Augment(RECIPE.augmentation)
    network = toy(classifier_activation=None)
    model = TrainingModel(train_frames.layer, network, augment, CrossEntropy())
    numbers = np.array([0, 3], np.int32)
    assert tuple(model(numbers, training=True)["label"].shape) == (2, 32, 32)
    kept = {id(variable) for variable in model.state()}
    assert kept.isdisjoint(id(v) for v in train_frames.layer.variables)
    assert kept >= {id(v) for v in network.weights} | {id(v) for v in augment.variables}
