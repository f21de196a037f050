"""What holds for every loss: its definition, void, extremes, gradients, shapes, number types."""

import keras
import loss_definitions as definitions
import numpy as np
import pytest
from keras import ops
from loss_tools import CLASSES, SHAPE, WEIGHTS, batch, differences, gradient, value

from scmnet_zoo import losses

# By name: the loss of keyword arguments, and its definition.
LOSSES = {
    "cross_entropy": (losses.CrossEntropy, definitions.cross_entropy),
    "smoothed": (
        lambda **more: losses.CrossEntropy(label_smoothing=0.1, **more),
        lambda *a, **more: definitions.cross_entropy(*a, smoothing=0.1, **more),
    ),
    "ohem": (
        lambda **more: losses.OhemCrossEntropy(0.3, 0.25, **more),
        lambda *a, **more: definitions.ohem(*a, 0.3, 0.25, **more),
    ),
    "focal": (losses.Focal, lambda *a, **more: definitions.focal(*a, 2.0, **more)),
    "dice": (losses.Dice, definitions.dice),
    "lovasz": (losses.LovaszSoftmax, definitions.lovasz),
    "lovasz_all": (
        lambda **more: losses.LovaszSoftmax("all", **more),
        lambda *a, **more: definitions.lovasz(*a, classes="all", **more),
    ),
}
OF_REGIONS = {"dice", "lovasz", "lovasz_all"}  # the others take logarithms
every_loss = pytest.mark.parametrize("name", LOSSES)


@pytest.mark.parametrize("class_weights", [None, WEIGHTS], ids=["even", "weighted"])
@every_loss
def test_equals_the_definition(name, class_weights):
    make, definition = LOSSES[name]
    labels, logits = batch()
    probabilities = definitions.softmax(logits)
    expected = definition(labels, probabilities, class_weights=class_weights)
    loss = make(class_weights=class_weights)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-5)
    loss = make(class_weights=class_weights, from_logits=False)
    assert value(loss, labels, probabilities) == pytest.approx(expected, rel=1e-5)


@every_loss
def test_void_pixels_do_not_count(name):
    loss = LOSSES[name][0]()
    labels, logits = batch(void=0.5)
    other = np.where((labels == 255)[..., None], 1e4 * logits, logits)
    assert value(loss, labels, other) == pytest.approx(value(loss, labels, logits), rel=1e-6)
    assert (gradient(loss, labels, other)[labels == 255] == 0).all()


@every_loss
def test_no_void(name):
    make, definition = LOSSES[name]
    labels, logits = batch(seed=1, void=0.0)
    expected = definition(labels, definitions.softmax(logits))
    assert value(make(), labels, logits) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
@every_loss
def test_all_void_is_zero(name, from_logits):
    labels, logits = batch(void=1.1)
    assert (labels == 255).all()
    scores = logits if from_logits else definitions.softmax(logits).astype("float32")
    loss = LOSSES[name][0](class_weights=WEIGHTS, from_logits=from_logits)
    assert value(loss, labels, scores) == 0.0
    assert (gradient(loss, labels, scores) == 0).all()


@every_loss
def test_a_single_class_present(name):
    make, definition = LOSSES[name]
    labels, logits = batch()
    labels[labels != 255] = 2
    probabilities = definitions.softmax(logits)
    for class_weights in (None, WEIGHTS):
        expected = definition(labels, probabilities, class_weights=class_weights)
        loss = make(class_weights=class_weights)
        assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-5)


@every_loss
def test_classes_of_weight_zero_alone(name):
    labels, logits = batch()
    labels[labels != 255] = 3
    loss = LOSSES[name][0](class_weights=[0.0] * CLASSES)
    assert value(loss, labels, logits) == 0.0
    assert (gradient(loss, labels, logits) == 0).all()


@every_loss
def test_extreme_logits(name):
    """The probabilities are 0 and 1 in float32; logarithms of logits stay exact."""
    make, definition = LOSSES[name]
    labels, logits = batch()
    logits = 1e4 * logits
    if name in OF_REGIONS:
        expected = definition(labels, definitions.softmax(logits))
    else:  # the logarithms of probabilities that float64 cannot hold either
        log_p = logits.astype("float64") - logits.max(-1, keepdims=True)
        losses_of_pixels = -log_p[labels != 255][np.arange((labels != 255).sum()), _valid(labels)]
        if name == "smoothed":
            losses_of_pixels = 0.9 * losses_of_pixels - 0.1 * log_p[labels != 255].mean(-1)
        if name == "ohem":  # what is not right is kept
            losses_of_pixels = losses_of_pixels[losses_of_pixels > 0]
        expected = losses_of_pixels.mean()
    assert value(make(), labels, logits) == pytest.approx(expected, rel=1e-5)
    found = gradient(make(class_weights=WEIGHTS), labels, logits)
    assert np.isfinite(found).all()


def _valid(labels):
    return labels[labels != 255]


@every_loss
def test_probabilities_of_exactly_0_and_1(name):
    make, definition = LOSSES[name]
    labels, logits = batch(seed=2)
    hard = np.eye(CLASSES, dtype="float32")[logits.argmax(-1)]
    assert {*np.unique(hard[labels != 255].argmax(-1) == _valid(labels))} == {True, False}
    loss = make(from_logits=False)
    least = 0.0 if name in OF_REGIONS else 1e-7  # no logarithm of 0
    expected = definition(labels, np.maximum(hard, least))
    assert value(loss, labels, hard) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(gradient(loss, labels, hard)).all()
    right = np.eye(CLASSES, dtype="float32")[np.where(labels == 255, 0, labels)]
    expected = definition(labels, np.maximum(right, least))
    assert value(loss, labels, right) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(gradient(loss, labels, right)).all()


@pytest.mark.parametrize("from_logits", [True, False])
@every_loss
def test_gradient_equals_differences(name, from_logits):
    make, definition = LOSSES[name]
    labels, logits = batch(seed=3)
    logits /= 3  # differences of a logarithm are poor near 0
    scores = logits if from_logits else definitions.softmax(logits).astype("float32")

    def function(x):
        probabilities = definitions.softmax(x) if from_logits else x
        return definition(labels, probabilities, class_weights=WEIGHTS)

    found = gradient(make(class_weights=WEIGHTS, from_logits=from_logits), labels, scores)
    expected = differences(function, scores, 1e-6)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@every_loss
def test_half_precision_scores_are_summed_in_float32(name, kind):
    make, _ = LOSSES[name]
    labels, logits = batch()
    half = ops.cast(logits, kind)
    rounded = ops.convert_to_numpy(ops.cast(half, "float32"))
    assert value(make(), labels, half) == pytest.approx(value(make(), labels, rounded), rel=1e-6)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("name", ["cross_entropy", "lovasz"])
def test_labels_of_any_number_type_and_of_one_channel(name, kind):
    loss = LOSSES[name][0]()
    labels, logits = batch()
    expected = value(loss, labels, logits)
    assert value(loss, labels.astype(kind), logits) == expected
    assert value(loss, labels[..., None].astype(kind), logits) == expected


@pytest.mark.parametrize("unknown", [CLASSES, 254, -1])
@every_loss
def test_an_unknown_label_gives_nan_and_no_gradient(name, unknown):
    loss = LOSSES[name][0]()
    labels, logits = batch()
    labels[1, 2, 3] = unknown
    assert np.isnan(value(loss, labels, logits))
    assert (gradient(loss, labels, logits) == 0).all()


@every_loss
def test_same_result_in_any_order_of_the_pixels(name):
    loss = LOSSES[name][0](from_logits=False)
    rng = np.random.default_rng(4)
    labels = rng.integers(0, CLASSES, SHAPE).astype("int32")
    few = rng.dirichlet(np.ones(CLASSES), 3)  # so that most pixels tie
    scores = few[rng.integers(0, 3, labels.shape)].astype("float32")
    order = rng.permutation(labels.size)
    moved = labels.reshape(-1)[order].reshape(labels.shape)
    moved_scores = scores.reshape(-1, CLASSES)[order].reshape(scores.shape)
    expected = value(loss, labels, scores)
    assert value(loss, moved, moved_scores) == pytest.approx(expected, rel=1e-6)


@every_loss
def test_shapes_that_do_not_fit(name):
    loss = LOSSES[name][0]()
    labels, logits = batch()
    for wrong_labels, wrong_scores in (
        (labels[0], logits),
        (labels[:, :, :, None].repeat(CLASSES, -1), logits),
        (labels, logits[0]),
        (labels, logits[..., 0]),
        (labels[:1], logits),
        (labels[:, :-1], logits),
        (labels[:, :, :-1], logits),
    ):
        with pytest.raises(ValueError, match=r"^Expected labels \(batch, height, width\)") as info:
            loss(wrong_labels, wrong_scores)
        shapes = f"y_true.shape={wrong_labels.shape}, y_pred.shape={wrong_scores.shape}"
        assert str(info.value).endswith(f"Received: {shapes}")


@every_loss
def test_more_classes_than_ids(name):
    labels = np.zeros((1, 1, 1), "int32")
    with pytest.raises(ValueError, match=r"Expected 1 to 255 classes.*y_pred.shape=\(1, 1, 1, 256"):
        LOSSES[name][0]()(labels, np.zeros((1, 1, 1, 256), "float32"))


@every_loss
def test_weights_of_another_number_of_classes(name):
    labels, logits = batch()
    with pytest.raises(ValueError, match=r"each of 5 classes. Received: class_weights=\[1.0, 2.0"):
        LOSSES[name][0](class_weights=[1, 2, 3, 4])(labels, logits)


@pytest.mark.parametrize("wrong", [[1, -1], [1, np.nan], [np.inf], 2.0, "log", {0: 1.0}, [[1.0]]])
@every_loss
def test_class_weights_that_are_none(name, wrong):
    with pytest.raises(ValueError, match=r"Expected class_weights as .* Received: class_weights="):
        LOSSES[name][0](class_weights=wrong)


@pytest.mark.parametrize(
    ("weights", "shape"), [(np.ones(2), r"\(2,\)"), ([1, 2], r"\(2,\)"), (2.0, r"\(\)")]
)
@every_loss
def test_sample_weights_are_refused(name, weights, shape):
    labels, logits = batch()
    with pytest.raises(ValueError, match=f"Expected sample_weight=None.* of shape {shape}$"):
        LOSSES[name][0]()(labels, logits, sample_weight=weights)


@every_loss
def test_config_makes_the_same_loss(name):
    labels, logits = batch()
    loss = LOSSES[name][0](class_weights=WEIGHTS, from_logits=False, name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.name == "mine"
    assert again.get_config() == loss.get_config()
    scores = definitions.softmax(logits)
    assert value(again, labels, scores) == value(loss, labels, scores)
