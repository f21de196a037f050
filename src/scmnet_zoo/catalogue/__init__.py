"""What the zoo has: a card for each network, dataset and export format.

Nothing here imports Keras, so that lists and help start at once. A card names code by its import
path; `NETWORK_CARDS.add(card)` adds a network from outside the package, as the others
do datasets and formats.
"""

from scmnet_zoo.catalogue.datasets import DATASET_CARDS, DatasetCard, Protocol
from scmnet_zoo.catalogue.formats import FORMAT_CARDS, FormatCard
from scmnet_zoo.catalogue.networks import NETWORK_CARDS, NetworkCard, Paper

__all__ = [
    "DATASET_CARDS",
    "FORMAT_CARDS",
    "NETWORK_CARDS",
    "DatasetCard",
    "FormatCard",
    "NetworkCard",
    "Paper",
    "Protocol",
]
