"""What the docstrings of the factories say of the number of parameters."""

import re

import pytest
from testing_tools import trainable_parameters

from scmnet_zoo.models import NETWORKS

# The argument that each stated variant is of.
VARIANTS = {"deeplabv3plus": "backbone", "efficientvit": "variant"}
LARGE = ("xception65", "xception", "efficientnet_lite2", "b1", "b2", "b3")
STATED = re.compile(r"Trainable parameters with 19 classes: ([^:]+?)\.\n\n")


def stated():
    for key, factory in NETWORKS.items():
        found = STATED.search(factory.__doc__)
        assert found, key
        for count, variant in re.findall(r"([\d.]+)\s+M(?:\s+\((\w+)\))?", found[1]):
            marks = [pytest.mark.long] if variant in LARGE else []
            yield pytest.param(key, variant, count, marks=marks, id=f"{key}-{variant}")


@pytest.mark.parametrize(("network", "variant", "millions"), stated())
def test_stated_trainable_parameters(network, variant, millions):
    arguments = {VARIANTS[network]: variant} if variant else {}
    model = NETWORKS[network](**arguments)
    assert f"{trainable_parameters(model) / 1e6:.2f}" == millions
