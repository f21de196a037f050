"""Real-time semantic segmentation of road scenes in Keras."""

from scmnet_zoo import layers, weights
from scmnet_zoo._version import __version__
from scmnet_zoo.models import NETWORKS, SCMNet

__all__ = [
    "NETWORKS",
    "SCMNet",
    "__version__",
    "layers",
    "weights",
]
