"""The networks, as factory functions that return a plain `keras.Model`."""

from collections.abc import Callable

import keras

from scmnet_zoo.models.contextnet import ContextNet
from scmnet_zoo.models.deeplab_v3_plus import DeepLabV3Plus
from scmnet_zoo.models.efficientvit import EfficientViT
from scmnet_zoo.models.fast_scnn import FastSCNN
from scmnet_zoo.models.scmnet import SCMNet

# The networks by the key that the command line, the manifest and weight files use.
NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "scmnet": SCMNet,
    "fastscnn": FastSCNN,
    "contextnet": ContextNet,
    "deeplabv3plus": DeepLabV3Plus,
    "efficientvit": EfficientViT,
}


def factory_of(network: str) -> Callable[..., keras.Model]:
    """The factory of a network.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    if network not in NETWORKS:
        raise ValueError(
            f"Expected network to be one of {', '.join(map(repr, NETWORKS))}. Received: {network!r}"
        )
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
