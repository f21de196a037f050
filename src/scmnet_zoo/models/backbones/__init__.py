"""Backbones of DeepLabV3+, each from an image to a map at stride 4 and one at the output stride."""

from scmnet_zoo.models.backbones.efficientnet_lite import efficientnet_lite2
from scmnet_zoo.models.backbones.mobilenet_v2 import mobilenet_v2
from scmnet_zoo.models.backbones.xception import xception
from scmnet_zoo.models.backbones.xception65 import xception65

__all__ = ["efficientnet_lite2", "mobilenet_v2", "xception", "xception65"]
