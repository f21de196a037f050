"""The networks, as factory functions that return a plain `keras.Model`."""

from scmnet_zoo.models.contextnet import ContextNet
from scmnet_zoo.models.deeplab_v3_plus import DeepLabV3Plus
from scmnet_zoo.models.fast_scnn import FastSCNN
from scmnet_zoo.models.scmnet import SCMNet

# The networks by the key that the command line, the manifest and weight files use.
NETWORKS = {
    "scmnet": SCMNet,
    "fastscnn": FastSCNN,
    "contextnet": ContextNet,
    "deeplabv3plus": DeepLabV3Plus,
}

__all__ = ["NETWORKS", "ContextNet", "DeepLabV3Plus", "FastSCNN", "SCMNet"]
