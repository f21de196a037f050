"""Which pixels hard example mining keeps; test_every_loss.py has the rest."""

import loss_definitions as definitions
import numpy as np
import pytest
from keras import ops
from loss_tools import WEIGHTS, batch, gradient, pixels, value

from scmnet_zoo.losses import CrossEntropy, OhemCrossEntropy


def _sure(*probabilities):
    """Pixels of class 0 with these probabilities of it."""
    return pixels([0] * len(probabilities), [(p, 1 - p) for p in probabilities])


def _kept(labels, scores, threshold, min_kept):
    """The number of pixels that get a gradient."""
    loss = OhemCrossEntropy(threshold, min_kept, from_logits=False)
    return (np.abs(gradient(loss, labels, scores)).max(-1) > 0).sum()


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("threshold", "min_kept"), [(0.7, 1 / 16), (0.05, 0.5), (0.0, 0.3), (0.5, 0.0), (1.0, 0.0)]
)
def test_equals_the_definition(threshold, min_kept, class_weights):
    labels, logits = batch()
    p = definitions.softmax(logits)
    expected = definitions.ohem(labels, p, threshold, min_kept, class_weights)
    loss = OhemCrossEntropy(threshold, min_kept, class_weights)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-5)


def test_by_hand():
    labels, scores = _sure(0.9, 0.2, 0.6, 0.95, 0.8)
    hard = -np.log([0.2, 0.6]).mean()
    assert value(OhemCrossEntropy(0.7, 0.2, from_logits=False), labels, scores) == pytest.approx(
        hard, rel=1e-5
    )
    three = -np.log([0.2, 0.6, 0.8]).mean()
    assert value(OhemCrossEntropy(0.7, 0.6, from_logits=False), labels, scores) == pytest.approx(
        three, rel=1e-5
    )


@pytest.mark.parametrize(
    ("min_kept", "kept"), [(0.0, 0), (0.01, 1), (0.1, 1), (0.11, 2), (0.3, 3), (0.7, 7), (1.0, 10)]
)
def test_share_is_rounded_up(min_kept, kept):
    labels, scores = _sure(*np.linspace(0.8, 0.9, 10))
    assert _kept(labels, scores, 0.5, min_kept) == kept


def test_a_whole_share_is_not_rounded_up():
    """In float32 0.6 is a little more than 0.6, and 25 times that more than 15."""
    log_p = ops.array(np.log(np.linspace(0.1, 0.9, 25)), dtype="float32")
    kept = OhemCrossEntropy(0.0, 0.6)._kept(log_p, log_p < 0)
    assert ops.convert_to_numpy(kept).sum() == 15


def test_share_is_of_the_valid_pixels():
    labels, scores = _sure(*np.linspace(0.8, 0.9, 10))
    labels.flat[:6] = 255  # the hardest
    assert _kept(labels, scores, 0.5, 0.5) == 2


def test_pixels_that_tie_with_the_last_are_kept():
    labels, scores = _sure(0.9, 0.8, 0.8, 0.8, 0.75)
    assert _kept(labels, scores, 0.5, 0.4) == 4


def test_nothing_hard_and_nothing_to_keep_is_zero():
    labels, scores = _sure(0.9, 0.8)
    loss = OhemCrossEntropy(0.5, 0.0, from_logits=False)
    assert value(loss, labels, scores) == 0.0
    assert (gradient(loss, labels, scores) == 0).all()


def test_all_kept_is_cross_entropy():
    labels, logits = batch()
    expected = value(CrossEntropy(WEIGHTS), labels, logits)
    assert value(OhemCrossEntropy(0.0, 1.0, WEIGHTS), labels, logits) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["threshold", "min_kept"])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, 100000, float("nan"), None])
def test_out_of_range(name, wrong):
    with pytest.raises(ValueError, match=f"^Expected {name}, .* Received: {name}={wrong}"):
        OhemCrossEntropy(**{name: wrong})
