"""The losses in `fit` and in saved models."""

import keras
import loss_definitions as definitions
import numpy as np
import pytest
from loss_tools import CLASSES, SHAPE, WEIGHTS, batch, value

from scmnet_zoo import losses

MAKERS = {
    "cross_entropy": lambda **more: losses.CrossEntropy(WEIGHTS, 0.1, **more),
    "ohem": lambda **more: losses.OhemCrossEntropy(0.7, 0.5, WEIGHTS, **more),
    "focal": lambda **more: losses.Focal(1.5, WEIGHTS, **more),
    "dice": lambda **more: losses.Dice(1.0, WEIGHTS, **more),
    "lovasz": lambda **more: losses.LovaszSoftmax("all", WEIGHTS, **more),
    "weighted_sum": lambda **more: losses.WeightedSum(
        [losses.CrossEntropy(**more), losses.LovaszSoftmax(**more)], [1.0, 0.5]
    ),
}


def _model(activation=None):
    keras.utils.set_random_seed(0)
    image = keras.Input((*SHAPE[1:], 3))
    return keras.Model(image, keras.layers.Conv2D(CLASSES, 1, activation=activation)(image))


def _images():
    return np.random.default_rng(0).normal(size=(*SHAPE, 3)).astype("float32")


def _fitted(loss, labels, activation=None):
    """The model after one step, and the loss before it by hand and as `fit` gives it."""
    model = _model(activation)
    kernel, bias = model.get_weights()
    scores = _images() @ kernel[0, 0] + bias
    expected = value(loss, labels, definitions.softmax(scores) if activation else scores)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    history = model.fit(_images(), labels, batch_size=SHAPE[0], verbose=0)
    moved = np.abs(model.get_weights()[0] - kernel).max()
    assert np.isfinite(moved)
    assert moved > 1e-5
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-4)
    return model


@pytest.mark.parametrize("name", MAKERS)
def test_one_step_and_a_saved_model(name, tmp_path):
    loss = MAKERS[name]()
    labels = batch()[0].astype("uint8")
    model = _fitted(loss, labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()


def test_labels_of_floats_in_one_channel():
    _fitted(losses.CrossEntropy(), batch()[0][..., None].astype("float32"))


def test_probabilities():
    _fitted(losses.OhemCrossEntropy(from_logits=False), batch()[0], activation="softmax")  # int32


class Training(keras.Model):
    """A network with auxiliary heads and its loss, as docs/losses.md has it."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return losses.WithAuxiliary(losses.CrossEntropy(), {"aux_shallow": 0.4})(y, y_pred)


def test_auxiliary_outputs():
    keras.utils.set_random_seed(0)
    image = keras.Input((*SHAPE[1:], 3))
    outputs = {
        name: keras.layers.Conv2D(CLASSES, 1, name=name)(image) for name in ("main", "aux_shallow")
    }
    model = Training(image, outputs)
    labels = batch()[0].astype("uint8")
    before, expected = model.get_weights(), 0.0
    for name, weight in (("main", 1.0), ("aux_shallow", 0.4)):
        kernel, bias = model.get_layer(name).get_weights()
        scores = _images() @ kernel[0, 0] + bias
        expected += weight * value(losses.CrossEntropy(), labels, scores)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    history = model.fit(_images(), labels, batch_size=SHAPE[0], verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-4)
    for weight, old in zip(model.get_weights(), before, strict=True):
        assert np.abs(weight - old).max() > 1e-5
