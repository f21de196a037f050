"""Building blocks of real-time segmentation networks; each works in any Keras model."""

import warnings
from typing import Any

from scmnet_zoo.layers.adaptive_average_pooling import AdaptiveAveragePooling2D
from scmnet_zoo.layers.atrous_spatial_pyramid_pooling import AtrousSpatialPyramidPooling
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.class_mask import ClassMask
from scmnet_zoo.layers.context_mining import ContextMiningModule
from scmnet_zoo.layers.conv2d import FastConv2D
from scmnet_zoo.layers.depthwise_conv2d import FastDepthwiseConv2D
from scmnet_zoo.layers.dilated_max_pooling import DilatedMaxPooling2D
from scmnet_zoo.layers.feature_fusion import DeepShallowFeatureFusion
from scmnet_zoo.layers.image_input import ImageInput
from scmnet_zoo.layers.inverted_residual import InvertedResidual
from scmnet_zoo.layers.linear_attention import LinearAttention
from scmnet_zoo.layers.multi_scale_linear_attention import MultiScaleLinearAttention
from scmnet_zoo.layers.pyramid_pooling import PyramidPooling
from scmnet_zoo.layers.resize import ResizeToPartner
from scmnet_zoo.layers.resize_to import ResizeTo
from scmnet_zoo.layers.separable_conv2d import DepthwiseSeparableConv2D

__all__ = [
    "AdaptiveAveragePooling2D",
    "AtrousSpatialPyramidPooling",
    "ClassMask",
    "ContextMiningModule",
    "DeepShallowFeatureFusion",
    "DepthwiseSeparableConv2D",
    "DilatedMaxPooling2D",
    "FastConv2D",
    "FastDepthwiseConv2D",
    "ImageInput",
    "InvertedResidual",
    "LinearAttention",
    "MultiScaleLinearAttention",
    "OnePassBatchNormalization",
    "PyramidPooling",
    "ResizeTo",
    "ResizeToPartner",
]

# Earlier names, which Keras's own layers have too.
RENAMED = {
    "BatchNormalization": "OnePassBatchNormalization",
    "Conv2D": "FastConv2D",
    "DepthwiseConv2D": "FastDepthwiseConv2D",
}


def __getattr__(name: str) -> Any:
    """A layer by its earlier name, with a warning."""
    if name not in RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"scmnet_zoo.layers.{name} is called {RENAMED[name]} now; the earlier name will go",
        DeprecationWarning,
        stacklevel=2,
    )
    return globals()[RENAMED[name]]
