"""What only cross-entropy has; test_every_loss.py has the rest."""

import loss_definitions as definitions
import numpy as np
import pytest
from loss_tools import CLASSES, WEIGHTS, batch, gradient, value

from scmnet_zoo.losses import CrossEntropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
def test_smoothing_in_the_order_of_arguments_of_the_trainer(class_weights, smoothing):
    labels, logits = batch()
    p = definitions.softmax(logits)
    expected = definitions.cross_entropy(labels, p, class_weights, smoothing)
    found = value(CrossEntropy(class_weights, smoothing), labels, logits)
    assert found == pytest.approx(expected, rel=1e-5)
    found = value(CrossEntropy(class_weights, smoothing, from_logits=False), labels, p)
    assert found == pytest.approx(expected, rel=1e-5)


def test_gradient_by_formula():
    """`(softmax - target) / pixels` on each pixel that counts, nothing on void."""
    labels, logits = batch()
    valid = labels != 255
    target = np.eye(CLASSES)[np.where(valid, labels, 0)]
    expected = (definitions.softmax(logits) - target) * valid[..., None] / valid.sum()
    np.testing.assert_allclose(gradient(CrossEntropy(), labels, logits), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("void", [0.2, 1.1])
def test_gradient_is_finite(void, scale):
    labels, logits = batch(void=void)
    found = gradient(CrossEntropy([2.0] * CLASSES, 0.1), labels, scale * logits)
    assert np.isfinite(found).all()
    assert (np.abs(found).max() > 0) == (void < 1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_infinite_scores_of_void(smoothing):
    labels, logits = batch()
    expected = value(CrossEntropy(None, smoothing), labels, logits)
    logits = np.where((labels == 255)[..., None] & (np.arange(CLASSES) == 1), np.inf, logits)
    assert (labels == 255).any()
    assert value(CrossEntropy(None, smoothing), labels, logits) == pytest.approx(expected)
    assert value(CrossEntropy(None, smoothing), np.full_like(labels, 255), logits) == 0


def test_small_weights_still_make_a_mean():
    labels, logits = batch()
    tiny = CrossEntropy([1e-9] * CLASSES)
    assert value(tiny, labels, logits) == pytest.approx(value(CrossEntropy(), labels, logits))


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, float("nan"), None, "0.1"])
def test_label_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=f"Received: label_smoothing={smoothing!r}"):
        CrossEntropy(label_smoothing=smoothing)
