"""What only Lovász-Softmax has; test_every_loss.py has the rest."""

import loss_definitions as definitions
import numpy as np
import pytest
from keras import ops
from loss_tools import CLASSES, batch, value

from scmnet_zoo.losses import LovaszSoftmax
from scmnet_zoo.losses.lovasz import _jaccard_growth


def test_hard_decisions_give_the_mean_intersection_over_union():
    """At the corners of its cube the Lovász extension is the Jaccard loss."""
    labels, logits = batch()
    decided = logits.argmax(-1)
    valid = labels != 255
    ious = [
        ((labels == c) & (decided == c))[valid].sum()
        / ((labels == c) | (decided == c))[valid].sum()
        for c in range(CLASSES)
    ]
    hard = np.eye(CLASSES, dtype="float32")[decided]
    found = value(LovaszSoftmax(from_logits=False), labels, hard)
    assert found == pytest.approx(1 - np.mean(ious), rel=1e-5)


@pytest.mark.parametrize("classes", ["present", "all"])
def test_absent_classes(classes):
    labels, logits = batch()
    labels[(labels == 1) | (labels == 4)] = 0
    p = definitions.softmax(logits)
    expected = definitions.lovasz(labels, p, classes=classes)
    assert value(LovaszSoftmax(classes), labels, logits) == pytest.approx(expected, rel=1e-5)
    other = definitions.lovasz(labels, p, classes={"present": "all", "all": "present"}[classes])
    assert expected != pytest.approx(other, rel=1e-2)


def test_growth_is_exact_beyond_what_float32_counts():
    """Pixels of one class in a batch of 2^24 and more, every one of them wrong."""
    counts = 2**24 + 101
    target = ops.array([[True, True, False, False, True]])
    found = ops.convert_to_numpy(_jaccard_growth(target, ops.array([[counts]], dtype="int32")))
    unions, wrong, expected, before = counts, 0, [], 0.0
    for own in (True, True, False, False, True):
        wrong, unions = wrong + own, unions + (not own)
        expected.append((wrong * 1.0 + unions - counts) / unions - before)
        before = (wrong * 1.0 + unions - counts) / unions
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


@pytest.mark.parametrize("wrong", ["some", None, [1, 2]])
def test_classes_that_are_neither(wrong):
    with pytest.raises(ValueError, match=r'^Expected "present" or "all". Received: classes='):
        LovaszSoftmax(wrong)
