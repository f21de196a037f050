"""What the zoo has: a card for each network.

Nothing here imports Keras, so that lists and help start at once. A card names code by its import
path; `NETWORK_CARDS.add(card)` adds a network from outside the package.
"""

from scmnet_zoo.catalogue.networks import NETWORK_CARDS, NetworkCard, Paper

__all__ = ["NETWORK_CARDS", "NetworkCard", "Paper"]
