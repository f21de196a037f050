"""What Fast-SCNN and ContextNet share: stages, the fusion of two branches, the heads.

Convolutions have no bias where batch norm follows, except the fusion's 1x1 convolutions. Strided
convolutions pad alike before and after; the ones that read an image pad nothing.
"""

import keras

from scmnet_zoo.layers import Conv2D, DepthwiseSeparableConv2D, InvertedResidual, ResizeToPartner
from scmnet_zoo.models._factory import conv_bn, probabilities, with_auxiliary

EPSILON = 1e-5
INTERPOLATION = "bilinear_align_corners"


def stem(image, filters, name):
    """3x3 convolution with step 2 and no padding: side n becomes floor((n - 1) / 2)."""
    return conv_bn(
        image, filters, 3, name, strides=2, use_bias=False, padding="valid", epsilon=EPSILON
    )


def ds_conv(x, filters, name, strides=1, activation="relu", use_bias=False):
    """3x3 depthwise and 1x1 convolution, batch norm after both, ReLU after the first."""
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


def stage(x, filters, repeats, strides, expansion, name):
    """Inverted residuals, the first of which strides."""
    for i in range(repeats):
        x = InvertedResidual(
            filters,
            expansion=expansion,
            strides=strides if i == 0 else 1,
            use_bias=False,
            padding="symmetric",
            epsilon=EPSILON,
            name=f"{name}_{i}",
        )(x)
    return x


def fuse(low, high, filters):
    """The low branch brought to the high one's size and refined, the high one projected; added."""
    low = ResizeToPartner(INTERPOLATION, name="fusion_upsample")([low, high])
    low = ds_conv(low, filters, "fusion_low", activation=None, use_bias=True)
    high = conv_bn(high, filters, 1, "fusion_high", activation=None, epsilon=EPSILON)
    x = keras.layers.Add(name="fusion_add")([low, high])
    return keras.layers.Activation("relu", name="fusion_relu")(x)


def classify(x, classes, dropout):
    """Logits at the size of the map."""
    x = ds_conv(x, x.shape[-1], "head_ds1")
    x = ds_conv(x, x.shape[-1], "head_ds2")
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return Conv2D(classes, 1, data_format="channels_last", name="head_classifier")(x)


def outputs(logits, auxiliary, image, classifier_activation):
    """The main head's output, or a dict of it (`"main"`) and those of the auxiliary heads."""
    main = probabilities(logits, image, classifier_activation, INTERPOLATION)
    return with_auxiliary(main, auxiliary, image, classifier_activation, INTERPOLATION)
