"""Fixtures of the contract that every network keeps to."""

import pytest
from networks import CLASSES
from testing_tools import randomise

from scmnet_zoo.training.start import dtype_policy


@pytest.fixture(scope="module")
def models():
    """A model of each case with random weights, built once. Not to be changed by tests."""
    built = {}

    def get(case):
        if str(case) not in built:
            with dtype_policy("float32"):  # whichever test comes first
                built[str(case)] = randomise(case.build(num_classes=CLASSES))
        return built[str(case)]

    return get
