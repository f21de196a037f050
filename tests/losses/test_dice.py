"""What only the Dice loss has; test_every_loss.py has the rest."""

import loss_definitions as definitions
import pytest
from loss_tools import WEIGHTS, batch, pixels, value

from scmnet_zoo.losses import Dice


@pytest.mark.parametrize("smooth", [0.0, 1.0, 30.0])
def test_equals_the_definition(smooth):
    labels, logits = batch()
    expected = definitions.dice(labels, definitions.softmax(logits), smooth, WEIGHTS)
    assert value(Dice(smooth, WEIGHTS), labels, logits) == pytest.approx(expected, rel=1e-5)


def test_by_hand():
    """Two classes present, and one that only a void pixel is taken for."""
    labels, p = pixels([0, 0, 1, 255], [(1, 0), (0, 1), (0, 1), (0, 0, 1)])
    overlaps = 2 * 1 / (1 + 2), 2 * 1 / (2 + 1)
    expected = 1 - sum(overlaps) / 2
    assert value(Dice(from_logits=False), labels, p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smooth", [-1.0, float("inf"), float("nan"), None])
def test_smooth_out_of_range(smooth):
    with pytest.raises(ValueError, match=f"^Expected a finite smooth.* Received: smooth={smooth}"):
        Dice(smooth)
