"""The networks, as factory functions that return a plain `keras.Model`."""

from scmnet_zoo.models.contextnet import ContextNet
from scmnet_zoo.models.fast_scnn import FastSCNN
from scmnet_zoo.models.scmnet import SCMNet

# The networks by the key that the command line, the manifest and weight files use.
NETWORKS = {
    "scmnet": SCMNet,
    "fastscnn": FastSCNN,
    "contextnet": ContextNet,
}

__all__ = ["NETWORKS", "ContextNet", "FastSCNN", "SCMNet"]
