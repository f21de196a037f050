"""Sums of losses on one output and on several."""

import keras
import numpy as np
import pytest
from loss_tools import CLASSES, WEIGHTS, batch, gradient, value

from scmnet_zoo.losses import CrossEntropy, Dice, LovaszSoftmax, WeightedSum, WithAuxiliary


def _outputs(*names):
    return {name: batch(seed)[1] for seed, name in enumerate(names)}


def _called(loss, labels, outputs):
    return float(keras.ops.convert_to_numpy(loss(labels, outputs)))


def test_weighted_sum():
    labels, logits = batch()
    parts = [CrossEntropy(WEIGHTS), Dice(), LovaszSoftmax()]
    loss = WeightedSum(parts, [1, 0.5, 0])
    expected = value(parts[0], labels, logits) + 0.5 * value(parts[1], labels, logits)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-6)
    expected = gradient(parts[0], labels, logits) + 0.5 * gradient(parts[1], labels, logits)
    np.testing.assert_allclose(gradient(loss, labels, logits), expected, atol=1e-6)


def test_weighted_sum_with_a_loss_of_keras():
    labels, logits = batch()
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels[labels == 255] = 0
    loss = WeightedSum([theirs, CrossEntropy()], [1.0, 1.0])
    expected = 2 * value(CrossEntropy(), labels, logits)
    assert _called(loss, labels, logits) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "weights", "received"),
    [
        ([], [], r"0 losses, weights=\[\]"),
        ([Dice()], [1.0, 2.0], r"1 losses, weights=\[1.0, 2.0\]"),
        ([Dice(), Dice()], [1.0, -2.0], "weights=-2.0"),
        ([Dice()], [float("nan")], "weights=nan"),
        ([Dice()], ["a"], "weights='a'"),
        ([Dice], [1.0], "losses=<class"),
        (["mse"], [1.0], "losses='mse'"),
    ],
)
def test_weighted_sum_of_wrong_arguments(losses, weights, received):
    with pytest.raises(ValueError, match=f"^Expected .* Received: {received}"):
        WeightedSum(losses, weights)


def test_weighted_sum_of_a_loss_of_many_numbers():
    labels, logits = batch()
    many = keras.losses.SparseCategoricalCrossentropy(reduction=None, name="many")
    with pytest.raises(ValueError, match=r"one number each. Received: many of shape \(2, 3, 4\)"):
        WeightedSum([many], [1.0])(np.zeros_like(labels), logits)


def test_with_auxiliary():
    labels, _ = batch()
    outputs = _outputs("main", "aux_downsample", "aux_global")
    part = CrossEntropy(WEIGHTS)
    loss = WithAuxiliary(part, {"aux_global": 0.2, "aux_downsample": 0.4})
    main, downsample, whole = (value(part, labels, outputs[name]) for name in outputs)
    expected = main + 0.4 * downsample + 0.2 * whole
    assert _called(loss, labels, outputs) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "names", [["main"], ["main", "aux_b"], ["main", "aux_a", "aux_b"], ["aux_a"], []]
)
def test_with_auxiliary_of_other_outputs(names):
    labels, _ = batch()
    loss = WithAuxiliary(Dice(), {"aux_a": 0.4})
    with pytest.raises(ValueError, match=r"outputs \['aux_a', 'main'\].* Received: \[") as info:
        loss(labels, _outputs(*names))
    assert str(info.value).endswith(f"Received: {sorted(names)}")


def test_with_auxiliary_of_a_single_output():
    labels, logits = batch()
    with pytest.raises(ValueError, match=r"^Expected a dict of the outputs .* Received: \w+$"):
        WithAuxiliary(Dice(), {"aux_a": 0.4})(labels, logits)


@pytest.mark.parametrize(
    ("loss", "weights", "received"),
    [
        ("dice", {"aux_a": 0.4}, "loss='dice'"),
        (Dice(), {}, r"weights=\{\}"),
        (Dice(), [0.4], r"weights=\[0.4\]"),
        (Dice(), {"main": 1.0, "aux_a": 0.4}, r"weights=\{'main': 1.0"),
        (Dice(), {"aux_a": -0.4}, r"weights\['aux_a'\]=-0.4"),
        (Dice(), {"aux_a": None}, r"weights\['aux_a'\]=None"),
    ],
)
def test_with_auxiliary_of_wrong_arguments(loss, weights, received):
    with pytest.raises(ValueError, match=f"^Expected .* Received: {received}"):
        WithAuxiliary(loss, weights)


def test_sample_weights_are_refused():
    labels, logits = batch()
    with pytest.raises(ValueError, match="Expected sample_weight=None"):
        WeightedSum([Dice()], [1.0])(labels, logits, sample_weight=np.ones(2))


def test_config_makes_the_same_loss():
    parts = WeightedSum([CrossEntropy([1.0] * CLASSES, 0.1), Dice(2.0)], [1.0, 0.5], name="mine")
    loss = WithAuxiliary(parts, {"aux_a": 0.4})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
    labels, _ = batch()
    outputs = _outputs("main", "aux_a")
    assert _called(again, labels, outputs) == _called(loss, labels, outputs)
