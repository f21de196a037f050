"""The training loop on drawn scenes, with a network of two convolutions wherever that will do."""

import dataclasses
import logging
import math

import keras
import numpy as np
import pytest
import scenes
from testing_tools import arrays, assert_same_weights

from scmnet_zoo import NETWORKS, SCMNet
from scmnet_zoo.data import CAMVID, camvid
from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.frames import DeviceFrames, Frames
from scmnet_zoo.layers import ImageInput
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.training import trainer
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.trainer import (
    TrainingModel,
    WarmupCosine,
    class_weights,
    dtype_policy,
    fit,
    optimiser,
    train,
)
from scmnet_zoo.weights import read_checkpoint

CLASSES = len(CAMVID.labels)

RECIPE = Recipe(
    frame_size=scenes.SIZE,
    batch_size=4,
    steps=12,
    learning_rate=0.03,
    warmup_steps=2,
    weight_decay=0.01,
    clip_norm=5.0,
    ema=0.5,
    class_weights="log",
    label_smoothing=0.1,
    precision="float32",
    augmentation=Augmentation(crop=(64, 64), scale=(0.8, 1.25), flip=0.5, brightness=0.1),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("train") / "camvid")


@pytest.fixture(scope="module")
def frames(folder):
    return Frames(camvid(folder, "train"), scenes.SIZE)


def toy(num_classes=CLASSES, classifier_activation="softmax", width=8):
    """A network of the zoo's kind that compiles at once."""
    inputs = keras.Input((None, None, 3), name="image")
    x = ImageInput([128.0] * 3, [64.0] * 3, name="preprocessing")(inputs)
    x = keras.layers.Conv2D(width, 1, name="stem_conv")(x)
    x = keras.layers.BatchNormalization(momentum=0.5, name="stem_bn")(x)
    x = keras.layers.Activation("relu", name="stem_relu")(x)
    x = keras.layers.Conv2D(num_classes, 1, name="head_classifier")(x)
    x = keras.layers.Activation(classifier_activation or "linear", dtype="float32", name="out")(x)
    return keras.Model(inputs, x, name="toy")


def _fitted(frames, recipe=RECIPE, seed=0, **arguments):
    keras.utils.set_random_seed(seed)
    with dtype_policy(recipe.precision):
        network = toy(classifier_activation=None)
    return network, fit(network, frames, recipe, seed, **arguments)


# The schedule and the weights.


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0), (5, 0.1), (10, 0.2), (35, 0.1 * (1 + math.sqrt(0.5))), (60, 0.1), (110, 0), (200, 0)],
)
def test_schedule(step, expected):
    schedule = WarmupCosine(peak=0.2, warmup_steps=10, steps=110)
    actual = float(keras.ops.convert_to_numpy(schedule(step)))
    assert actual == pytest.approx(expected, abs=1e-7)
    assert WarmupCosine(**schedule.get_config()).get_config() == schedule.get_config()


def test_schedule_without_warm_up():
    assert float(WarmupCosine(0.2, 0, 10)(0)) == pytest.approx(0.2)


def test_class_weights():
    shares = np.array([0.5, 0.3, 0.2])
    assert class_weights(shares, "none") is None
    assert class_weights(shares, "log") == pytest.approx([1 / math.log(1.1 + s) for s in shares])
    expected = [math.sqrt(0.3 / s) for s in shares]
    assert class_weights(shares, "sqrt_median_frequency") == pytest.approx(expected)


def test_class_weights_where_most_classes_never_occur():
    weights = class_weights(np.array([0.6, 0.4, 0, 0, 0]), "sqrt_median_frequency")
    assert weights[:2] == pytest.approx([math.sqrt(0.5 / 0.6), math.sqrt(0.5 / 0.4)])
    assert np.isfinite(weights).all()


# The optimiser.


def test_weight_decay_spares_biases_and_batch_norm():
    """Without a gradient only the decay moves a weight."""
    network = toy()
    recipe = dataclasses.replace(RECIPE, warmup_steps=0, learning_rate=0.1, weight_decay=0.5)
    for variable in network.trainable_variables:
        variable.assign(np.ones(variable.shape))
    adamw = optimiser(recipe, network)
    zeros = [keras.ops.zeros(v.shape) for v in network.trainable_variables]
    adamw.apply(zeros, network.trainable_variables)
    values = {path: value.ravel()[0] for path, value in arrays(network).items()}
    assert values["stem_conv/kernel"] == pytest.approx(1 - 0.1 * 0.5)
    assert values["head_classifier/kernel"] == pytest.approx(1 - 0.1 * 0.5)
    for path in ("stem_conv/bias", "stem_bn/gamma", "stem_bn/beta", "head_classifier/bias"):
        assert values[path] == 1


@pytest.mark.parametrize("key", ["scmnet", "fastscnn", "contextnet"])
def test_what_is_spared_in_every_network(key):
    network = NETWORKS[key](num_classes=3)
    spared = {v.path for v in network.trainable_variables} - {
        v.path
        for v in network.trainable_variables
        if optimiser_decays(optimiser(RECIPE, network), v)
    }
    for variable in network.trainable_variables:
        vector = len(variable.shape) == 1
        assert (variable.path in spared) == vector, variable.path


def optimiser_decays(adamw, variable):
    return adamw._use_weight_decay(variable)


# The loop.


def test_the_loss_falls(frames):
    recipe = dataclasses.replace(RECIPE, steps=40)
    network, losses = _fitted(frames, recipe, log_every=10)
    assert len(losses) == 4
    assert losses[-1] < 0.75 * losses[0]
    assert losses == sorted(losses, reverse=True)
    logits = network.predict(frames.images, verbose=0)
    assert logits.shape == (6, *scenes.SIZE, CLASSES)
    valid = frames.labels != 255
    assert (logits.argmax(-1) == frames.labels)[valid].mean() > 0.7


def test_the_seed_decides(frames):
    (first, losses), (again, same), (other, others) = (_fitted(frames, seed=s) for s in (1, 1, 2))
    assert losses == same
    assert losses != others
    assert_same_weights(first, again)
    kernels = [arrays(network)["head_classifier/kernel"] for network in (first, other)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


def test_steps_are_counted_and_logged(frames, caplog):
    seen, recipe = [], dataclasses.replace(RECIPE, steps=15)
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(1))
    with caplog.at_level(logging.INFO, "scmnet_zoo"):
        _, losses = _fitted(frames, recipe, log_every=5, callbacks=(counter,))
    assert len(seen) == 15
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" loss")[0] for line in lines] == ["step 5", "step 10", "step 15"]
    assert float(lines[0].split(" ")[-1]) == pytest.approx(losses[0], abs=1e-4)


def test_uneven_steps_make_even_epochs(frames):
    """Seven steps, three an epoch at most: three epochs of three, the last steps standing still."""
    seen, recipe = [], dataclasses.replace(RECIPE, steps=7)
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(1))
    _, losses = _fitted(frames, recipe, log_every=3, callbacks=(counter,))
    assert (len(losses), len(seen)) == (3, 9)


def test_the_averaged_weights_are_kept(frames):
    """With momentum 1 the average stays what the weights were at first."""
    keras.utils.set_random_seed(0)
    before = arrays(toy())
    kept, losses = _fitted(frames, dataclasses.replace(RECIPE, ema=0.999999), log_every=3)
    kernel = "head_classifier/kernel"
    np.testing.assert_allclose(arrays(kept)[kernel], before[kernel], atol=1e-4)
    assert losses[-1] < 0.95 * losses[0]  # although the weights in use moved


@pytest.mark.long
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_too(frames, precision):
    recipe = dataclasses.replace(RECIPE, steps=40, precision=precision)
    network, losses = _fitted(frames, recipe, log_every=10)
    assert network.get_layer("stem_conv").compute_dtype == precision.removeprefix("mixed_")
    assert {v.dtype for v in network.weights} == {"float32"}
    assert losses[-1] < 0.75 * losses[0]
    assert keras.config.dtype_policy().name == "float32"


def test_float16_gradients_are_scaled():
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        made = optimiser(dataclasses.replace(RECIPE, precision=precision), toy())
        scaled = isinstance(made, keras.optimizers.LossScaleOptimizer)
        assert scaled == (precision == "mixed_float16")


def test_a_loss_that_is_not_a_number_stops(frames):
    network = toy(classifier_activation=None)
    kernel = network.get_layer("head_classifier").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    seen = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(1))
    with pytest.raises(ValueError, match=r"finite loss\. Received: nan by step 3"):
        fit(network, frames, RECIPE, log_every=3, callbacks=(counter,))
    assert len(seen) == 3


def test_no_augmentation_outside_training(frames):
    network = toy(classifier_activation=None)
    augment = Augment(RECIPE.augmentation)
    model = TrainingModel(DeviceFrames(frames), network, augment, CrossEntropy())
    numbers = np.array([0, 3], np.int32)
    outputs = model(numbers, training=False)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(outputs["label"]), frames.labels[numbers]
    )
    assert tuple(model(numbers, training=True)["label"].shape) == (2, 64, 64)


def test_the_dtype_policy_is_restored():
    before = keras.config.dtype_policy()
    with dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() == before
    with pytest.raises(RuntimeError, match="inside"), dtype_policy("mixed_bfloat16"):
        raise RuntimeError("inside")
    assert keras.config.dtype_policy() == before


# From files to a file.


def test_train_writes_what_it_trained(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "factory_of", lambda network: toy)
    output = tmp_path / "toy.safetensors"
    recipe = dataclasses.replace(RECIPE, precision="mixed_bfloat16", arguments={"width": 6})
    trained = train("toy", "camvid", folder, recipe, output, seed=4)
    assert keras.config.dtype_policy().name == "float32"
    assert trained.get_layer("stem_conv").compute_dtype == "float32"
    checkpoint = read_checkpoint(output, "toy")
    assert checkpoint.metadata.network == "toy"
    assert checkpoint.metadata.arguments == {"width": 6}
    assert checkpoint.metadata.classes == CAMVID.classes
    assert checkpoint.metadata.normalisation.mean == (128.0,) * 3
    assert checkpoint.metadata.normalisation.std == (64.0,) * 3
    assert checkpoint.metadata.training_size == scenes.SIZE
    for path, value in arrays(trained).items():
        np.testing.assert_array_equal(checkpoint.tensors[path], value)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.safetensors"]


def test_the_policy_is_restored_where_building_fails(folder, tmp_path, monkeypatch):
    def broken(num_classes=2, classifier_activation=None):
        raise RuntimeError("broken")

    monkeypatch.setattr(trainer, "factory_of", lambda network: broken)
    recipe = dataclasses.replace(RECIPE, precision="mixed_bfloat16")
    with pytest.raises(RuntimeError, match="broken"):
        train("toy", "camvid", folder, recipe, tmp_path / "toy.safetensors")
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.long
def test_scmnet_is_trained_and_read_again(folder, tmp_path):
    output = tmp_path / "scmnet.safetensors"
    recipe = dataclasses.replace(
        RECIPE, steps=2, batch_size=2, warmup_steps=0, arguments={"residual": False}
    )
    trained = train("scmnet", "camvid", folder, recipe, output)
    model = SCMNet(weights=output)
    assert model.output_shape[-1] == CLASSES
    assert_same_weights(model, trained)
    assert read_checkpoint(output, "scmnet").metadata.arguments == {"residual": False}
    with pytest.raises(ValueError, match="residual=False"):
        SCMNet(weights=output, residual=True)
    image = scenes.scene(0)[0][None].astype("float32")
    answer = model(image) if keras.backend.backend() != "jax" else model.predict(image, verbose=0)
    answer = keras.ops.convert_to_numpy(answer)
    assert answer.shape == (1, *scenes.SIZE, CLASSES)
    np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-5)


@pytest.fixture
def untrained(monkeypatch):
    """Fails where training begins."""

    def begun(*arguments, **named):
        raise AssertionError("the training began")

    monkeypatch.setattr(trainer, "fit", begun)
    monkeypatch.setattr(trainer, "Frames", begun)


@pytest.mark.parametrize("name", ["weights.h5", "weights", "gone/weights.safetensors"])
def test_a_bad_output_is_refused_at_once(folder, tmp_path, untrained, name):
    with pytest.raises(ValueError, match=rf"Expected an output.*Received: .*{name}"):
        train("scmnet", "camvid", folder, RECIPE, tmp_path / name)


def test_an_output_that_is_a_folder(folder, tmp_path, untrained):
    (tmp_path / "weights.safetensors").mkdir()
    with pytest.raises(ValueError, match="Expected an output"):
        train("scmnet", "camvid", folder, RECIPE, tmp_path / "weights.safetensors")


@pytest.mark.parametrize("key", ["residuals", "num_classes", "weights", "input_shape", "name"])
def test_an_unknown_argument_of_the_network(folder, tmp_path, untrained, key):
    recipe = dataclasses.replace(RECIPE, arguments={key: 1})
    with pytest.raises(ValueError, match=rf"scmnet among dropout, residual\. Received: {key}"):
        train("scmnet", "camvid", folder, recipe, tmp_path / "w.safetensors")


def test_unknown_names(folder, tmp_path, untrained):
    output = tmp_path / "w.safetensors"
    with pytest.raises(ValueError, match="scmnat"):
        train("scmnat", "camvid", folder, RECIPE, output)
    with pytest.raises(ValueError, match="Received: 'camvit'"):
        train("scmnet", "camvit", folder, RECIPE, output)
