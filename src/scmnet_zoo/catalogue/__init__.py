"""What the zoo has: a card for each network and dataset.

Nothing here imports Keras, so that lists and help start at once. A card names code by its import
path; `NETWORK_CARDS.add(card)` adds a network from outside the package, `DATASET_CARDS.add(card)` a
dataset.
"""

from scmnet_zoo.catalogue.datasets import DATASET_CARDS, DatasetCard, Protocol
from scmnet_zoo.catalogue.networks import NETWORK_CARDS, NetworkCard, Paper

__all__ = ["DATASET_CARDS", "NETWORK_CARDS", "DatasetCard", "NetworkCard", "Paper", "Protocol"]
