"""Cross-entropy against its definition, written as a loop over pixels."""

import keras
import numpy as np
import pytest
from keras import ops

from scmnet_zoo.losses import CrossEntropy

CLASSES = 5


def _batch(seed=0, void=0.2, shape=(2, 6, 7)):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, shape)
    labels[rng.random(shape) < void] = 255
    return labels.astype("int32"), rng.normal(0, 3, (*shape, CLASSES)).astype("float32")


def _by_definition(labels, logits, class_weights=None, smoothing=0.0):
    total = weights = 0.0
    for label, scores in zip(labels.ravel(), logits.reshape(-1, CLASSES), strict=True):
        if label == 255:
            continue
        below = scores.astype(np.float64) - scores.max()
        log_p = below - np.log(np.exp(below).sum())
        target = np.full(CLASSES, smoothing / CLASSES)
        target[label] += 1 - smoothing
        weight = 1.0 if class_weights is None else class_weights[label]
        total += weight * -(target * log_p).sum()
        weights += weight
    return total / weights


def _loss(labels, logits, *arguments):
    return float(ops.convert_to_numpy(CrossEntropy(*arguments)(labels, logits)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("class_weights", [None, [1.0, 0.2, 3.0, 0.0, 7.5]])
def test_equals_the_definition(class_weights, smoothing):
    labels, logits = _batch()
    expected = _by_definition(labels, logits, class_weights, smoothing)
    assert _loss(labels, logits, class_weights, smoothing) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64", "float32"])
def test_labels_of_any_number_type(kind):
    labels, logits = _batch()
    expected = _by_definition(labels, logits)
    assert _loss(labels.astype(kind), logits) == pytest.approx(expected, rel=1e-5)


def test_void_pixels_do_not_count():
    labels, logits = _batch(void=0.5)
    other = np.where((labels == 255)[..., None], 1e4, logits).astype("float32")
    assert _loss(labels, other) == pytest.approx(_loss(labels, logits), rel=1e-6)


def test_no_void():
    labels, logits = _batch(void=0.0)
    assert _loss(labels, logits) == pytest.approx(_by_definition(labels, logits), rel=1e-5)


def test_all_void_is_zero():
    labels, logits = _batch(void=1.1)
    assert (labels == 255).all()
    assert _loss(labels, logits, [1.0] * CLASSES, 0.1) == 0.0


def test_extreme_logits():
    labels, logits = _batch()
    value = _loss(labels, 1e4 * logits)
    assert value == pytest.approx(_by_definition(labels, 1e4 * logits), rel=1e-5)


def test_half_precision_logits_are_summed_in_float32():
    labels, logits = _batch(shape=(1, 64, 64))
    half = ops.cast(logits, "bfloat16")
    expected = _by_definition(labels, ops.convert_to_numpy(ops.cast(half, "float32")))
    assert _loss(labels, half) == pytest.approx(expected, rel=1e-5)


def _gradient(labels, logits, loss):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return tape.gradient(value, x).numpy()
    if backend == "torch":
        x = ops.convert_to_tensor(logits).requires_grad_()
        loss(labels, x).backward()
        return x.grad.cpu().numpy()
    import jax

    return np.asarray(jax.grad(lambda x: loss(labels, x))(logits))


def test_gradient():
    """`(softmax - target) / pixels` on each pixel that counts, nothing on void."""
    labels, logits = _batch()
    gradient = _gradient(labels, logits, CrossEntropy())
    valid = labels != 255
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    expected = (p - np.eye(CLASSES)[np.where(valid, labels, 0)]) * valid[..., None] / valid.sum()
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("void", [0.2, 1.1])
def test_gradient_is_finite(void, scale):
    labels, logits = _batch(void=void)
    gradient = _gradient(labels, scale * logits, CrossEntropy([2.0] * CLASSES, 0.1))
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).max() > 0) == (void < 1)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2])
def test_label_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=f"Received: label_smoothing={smoothing}"):
        CrossEntropy(label_smoothing=smoothing)
