"""The networks, as factory functions that return a plain `keras.Model`."""

from collections.abc import Callable, Mapping

import keras

from scmnet_zoo.catalogue.networks import NETWORK_CARDS, NetworkCard
from scmnet_zoo.models.contextnet import ContextNet
from scmnet_zoo.models.deeplab_v3_plus import DeepLabV3Plus
from scmnet_zoo.models.efficientvit import EfficientViT
from scmnet_zoo.models.fast_scnn import FastSCNN
from scmnet_zoo.models.scmnet import SCMNet

# The factories by the key that the command line, the manifest and weight files use.
NETWORKS: Mapping[str, Callable[..., keras.Model]] = NETWORK_CARDS.table(NetworkCard.load)


def factory_of(network: str) -> Callable[..., keras.Model]:
    """The factory of a network.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    return NETWORKS[network]


__all__ = [
    "NETWORKS",
    "ContextNet",
    "DeepLabV3Plus",
    "EfficientViT",
    "FastSCNN",
    "SCMNet",
    "factory_of",
]
