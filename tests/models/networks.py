"""The networks that the contract and the backend tests cover: each card's small variant.

`toynet` is one that the package does not know.
"""

from dataclasses import dataclass
from functools import cached_property

import toynet

from scmnet_zoo.catalogue import NETWORK_CARDS, NetworkCard
from scmnet_zoo.training.start import normalisation_of
from scmnet_zoo.weights import Metadata, write_checkpoint


@dataclass(frozen=True)
class Case:
    """A network by its card, with the arguments of its small variant."""

    card: NetworkCard

    @property
    def key(self):
        return self.card.key

    @property
    def arguments(self):
        return dict(self.card.small)

    @cached_property
    def normalisation(self):
        """What the factory normalises with where no weights say otherwise."""
        return normalisation_of(self.build())

    def build(self, **arguments):
        return self.card.load()(**{**self.arguments, **arguments})

    def write(self, model, path, **arguments):
        """Write a model of this case as `.safetensors`."""
        classes = tuple(f"class {i}" for i in range(model.get_layer("head_classifier").filters))
        arguments = {**self.arguments, **arguments}
        write_checkpoint(path, model, Metadata(self.key, arguments, classes, self.normalisation))


CLASSES = 5  # of the models that tests build
CASES = {card.key: Case(card) for card in (*NETWORK_CARDS.values(), toynet.CARD)}
