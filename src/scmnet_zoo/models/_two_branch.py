"""Blocks that Fast-SCNN and ContextNet share: stem, stages, feature fusion, heads.

Convolutions before a batch norm have no bias, except the 1x1 convolutions of the fusion. Strided
convolutions pad as much before as after the map; those that read an image pad nothing.
"""

from typing import Any

import keras

from scmnet_zoo.layers import DepthwiseSeparableConv2D, ResizeToPartner
from scmnet_zoo.models._blocks import convolution_block, inverted_residual_stage
from scmnet_zoo.models._heads import auxiliary_logits, classifier, probabilities, with_auxiliary

EPSILON = 1e-5  # of the batch norms
INTERPOLATION = "bilinear_align_corners"


def stem(image: Any, filters: int, *, name: str) -> Any:
    """3x3 convolution with step 2 and no padding: side n becomes floor((n - 1) / 2)."""
    return convolution_block(
        image, filters, kernel_size=3, name=name, strides=2, padding="valid", epsilon=EPSILON
    )


def ds_conv(
    x: Any,
    filters: int,
    *,
    name: str,
    strides: int = 1,
    activation: str | None = "relu",
    use_bias: bool = False,
) -> Any:
    """DSConv: 3x3 depthwise and 1x1 convolution, batch norm after both, ReLU after the first."""
    return DepthwiseSeparableConv2D(
        filters,
        strides=strides,
        activation=activation,
        depthwise_batchnorm=True,
        depthwise_activation="relu",
        use_bias=use_bias,
        padding="symmetric",
        epsilon=EPSILON,
        name=name,
    )(x)


def stage(x: Any, filters: int, *, repeats: int, strides: int, expansion: int, name: str) -> Any:
    """Inverted residuals (bottlenecks), the first of which strides."""
    return inverted_residual_stage(
        x,
        filters,
        repeats=repeats,
        strides=strides,
        expansion=expansion,
        use_bias=False,
        padding="symmetric",
        epsilon=EPSILON,
        name=name,
    )


def feature_fusion(low: Any, high: Any, filters: int) -> Any:
    """The feature fusion module of both papers.

    Args:
        low: the map of the deep branch, resized to the size of `high`, then DSConv.
        high: the map of the shallow branch, through a 1x1 convolution.
        filters: number of channels of the sum.
    """
    low = ResizeToPartner(INTERPOLATION, name="fusion_upsample")([low, high])
    low = ds_conv(low, filters, name="fusion_low", activation=None, use_bias=True)
    high = convolution_block(
        high,
        filters,
        kernel_size=1,
        name="fusion_high",
        activation=None,
        use_bias=True,
        epsilon=EPSILON,
    )
    x = keras.layers.Add(name="fusion_add")([low, high])
    return keras.layers.Activation("relu", name="fusion_relu")(x)


def head(x: Any, classes: int, dropout: float) -> Any:
    """Logits at the size of the map: two DSConvs, dropout, 1x1 convolution."""
    x = ds_conv(x, x.shape[-1], name="head_ds1")
    x = ds_conv(x, x.shape[-1], name="head_ds2")
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return classifier(x, classes)


def auxiliary_head(x: Any, classes: int, *, filters: int, dropout: float, name: str) -> Any:
    """Logits at the size of the map, from a head for training."""
    return auxiliary_logits(
        x, classes, filters=filters, dropout=dropout, name=name, epsilon=EPSILON
    )


def outputs(
    logits: Any, auxiliary: dict[str, Any], image: Any, classifier_activation: str | None
) -> Any:
    """The main head's output, or a dict of it (`"main"`) and those of the auxiliary heads."""
    main = probabilities(
        logits, image, classifier_activation=classifier_activation, interpolation=INTERPOLATION
    )
    return with_auxiliary(
        main,
        auxiliary,
        image,
        classifier_activation=classifier_activation,
        interpolation=INTERPOLATION,
    )
