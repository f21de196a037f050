"""Building blocks of real-time segmentation networks; each is usable in any Keras model."""

from scmnet_zoo.layers.adaptive_average_pooling import AdaptiveAveragePooling2D
from scmnet_zoo.layers.atrous_spatial_pyramid_pooling import AtrousSpatialPyramidPooling
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.class_mask import ClassMask
from scmnet_zoo.layers.context_mining import ContextMiningModule
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.depthwise_conv2d import DepthwiseConv2D
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
    "BatchNormalization",
    "ClassMask",
    "ContextMiningModule",
    "Conv2D",
    "DeepShallowFeatureFusion",
    "DepthwiseConv2D",
    "DepthwiseSeparableConv2D",
    "DilatedMaxPooling2D",
    "ImageInput",
    "InvertedResidual",
    "LinearAttention",
    "MultiScaleLinearAttention",
    "PyramidPooling",
    "ResizeTo",
    "ResizeToPartner",
]
