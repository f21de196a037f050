"""Networks to export: with weights that ship, else with seeded ones."""

from testing_tools import randomise

from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.deploy import Description, describe
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.entry import Wheel

KEYS = tuple(NETWORK_CARDS)


def shipped(key):
    """The name of CamVid weights of a network that are in the package; None if there are none."""
    for entry in manifest.entries():
        sources = () if entry.file is None else entry.file.sources
        at_hand = any(isinstance(source, Wheel) for source in sources)
        if (entry.network, entry.dataset) == (key, "camvid") and at_hand:
            return entry.name
    return None


def network(key):
    """A network and what is known of it."""
    name = shipped(key)
    if name is not None:
        return factory_of(key)(weights=name), describe(key, name)
    model = randomise(factory_of(key)(num_classes=5, **NETWORK_CARDS[key].small))
    return model, Description(key)
