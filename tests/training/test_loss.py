import math

import keras
import numpy as np
import pytest

from scmnet_zoo import losses
from scmnet_zoo.training import LossSettings
from scmnet_zoo.training.loss import class_weights, loss_of

WEIGHTS = [1.0, 2.0, 0.5]
# A setting of its own for each part, and the loss that it stands for.
PARTS = {
    "cross_entropy": ({"label_smoothing": 0.2}, losses.CrossEntropy(WEIGHTS, 0.2)),
    "ohem": ({"ohem_threshold": 0.3}, losses.OhemCrossEntropy(0.3, class_weights=WEIGHTS)),
    "focal": ({"focal_gamma": 1.5}, losses.Focal(1.5, WEIGHTS)),
    "dice": ({}, losses.Dice()),
    "lovasz": ({}, losses.LovaszSoftmax()),
}


@pytest.fixture(scope="module")
def batch():
    """Labels with void, and logits."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (2, 8, 9))
    labels[labels == 3] = 255
    return labels.astype("int32"), rng.normal(size=(2, 8, 9, 3)).astype("float32")


def _value(loss, labels, logits):
    return float(keras.ops.convert_to_numpy(loss(labels, logits)))


@pytest.mark.parametrize("name", PARTS)
def test_each_part(batch, name):
    values, expected = PARTS[name]
    settings = LossSettings(**{"cross_entropy": 0.0, name: 0.5, **values})
    actual = _value(loss_of(settings, WEIGHTS), *batch)
    assert actual == pytest.approx(0.5 * _value(expected, *batch), rel=1e-5)


def test_the_parts_are_summed(batch):
    labels, logits = batch
    settings = LossSettings(cross_entropy=1.0, dice=0.5, lovasz=2.0)
    expected = sum(
        weight * _value(loss, labels, logits)
        for loss, weight in (
            (losses.CrossEntropy(), 1.0),
            (losses.Dice(), 0.5),
            (losses.LovaszSoftmax(), 2.0),
        )
    )
    assert _value(loss_of(settings, None), labels, logits) == pytest.approx(expected, rel=1e-5)


def test_auxiliary_heads(batch):
    labels, logits = batch
    outputs = {"main": logits, "aux_one": 2 * logits, "aux_two": -logits}
    plain = losses.CrossEntropy()
    expected = _value(plain, labels, logits)
    expected += 0.3 * (_value(plain, labels, 2 * logits) + _value(plain, labels, -logits))
    loss = loss_of(LossSettings(auxiliary=0.3), None, ["aux_one", "aux_two"])
    assert _value(loss, labels, outputs) == pytest.approx(expected, rel=1e-5)


def test_class_weights():
    shares = np.array([0.5, 0.3, 0.2])
    assert class_weights(shares, "none") is None
    assert class_weights(shares, "log") == pytest.approx([1 / math.log(1.1 + s) for s in shares])
    expected = [math.sqrt(0.3 / s) for s in shares]
    assert class_weights(shares, "sqrt_median_frequency") == pytest.approx(expected)


def test_class_weights_where_most_classes_never_occur():
    shares = np.array([0.6, 0.4, 0, 0, 0])
    weights = class_weights(shares, "sqrt_median_frequency")
    assert weights[:2] == pytest.approx([math.sqrt(0.5 / 0.6), math.sqrt(0.5 / 0.4)])
    assert np.isfinite(weights).all()
    assert np.isfinite(class_weights(shares, "log")).all()
