"""What only the focal loss has; test_every_loss.py has the rest."""

import loss_definitions as definitions
import numpy as np
import pytest
from loss_tools import WEIGHTS, batch, gradient, value

from scmnet_zoo.losses import CrossEntropy, Focal


@pytest.mark.parametrize("gamma", [0.5, 1, 5.0])
def test_equals_the_definition(gamma):
    labels, logits = batch()
    expected = definitions.focal(labels, definitions.softmax(logits), gamma, WEIGHTS)
    assert value(Focal(gamma, WEIGHTS), labels, logits) == pytest.approx(expected, rel=1e-5)


def test_gamma_0_is_cross_entropy():
    labels, logits = batch()
    expected = value(CrossEntropy(WEIGHTS), labels, logits)
    assert value(Focal(0, WEIGHTS), labels, logits) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradient_is_finite_where_the_network_is_sure(gamma):
    """A power below 1 has no slope at 0."""
    labels, logits = batch()
    assert np.isfinite(gradient(Focal(gamma), labels, 1e4 * logits)).all()


@pytest.mark.parametrize("gamma", [-1.0, float("inf"), float("nan"), None])
def test_gamma_out_of_range(gamma):
    with pytest.raises(ValueError, match=f"^Expected a finite gamma.* Received: gamma={gamma}"):
        Focal(gamma)
