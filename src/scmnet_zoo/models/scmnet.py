"""SCMNet: two branches that meet three times, and a fusion of six maps.

Shapes for a 1024x2048 image (height x width x channels), s stride, d dilation, t expansion:

| name            | operation                  | reads                       | out         |
|-----------------|----------------------------|-----------------------------|-------------|
| deep_stem       | Conv 3x3 s2                | image averaged 2x2          | 256x512x32  |
| deep_stage1     | MBConv t1 s2 x1            | deep_stem                   | 128x256x32  |
| deep_stage2     | MBConv t6 s1 x2            | deep_stage1                 | 128x256x48  |
| shallow_stem    | Conv 3x3 s2                | image                       | 512x1024x24 |
| shallow_ds1     | DSConv s2                  | shallow_stem                | 256x512x32  |
| shallow_ds2     | DSConv s2                  | shallow_ds1                 | 128x256x48  |
| cmm1            | CMM                        | shallow_ds2 + deep_stage2   | 128x256x48  |
| deep_stage3     | MBConv t6 s2 x3            | cmm1                        | 64x128x64   |
| deep_stage4     | MBConv t6 s1 x1            | deep_stage3                 | 64x128x96   |
| shallow_ds3     | DSConv s2                  | cmm1                        | 64x128x96   |
| cmm2            | CMM                        | shallow_ds3 + deep_stage4   | 64x128x96   |
| deep_stage5     | MBConv t6 s2 x3            | cmm2                        | 32x64x128   |
| deep_stage6     | MBConv t6 s1 x1            | deep_stage5                 | 32x64x160   |
| shallow_ds4     | DSConv s2                  | cmm2                        | 32x64x160   |
| cmm3            | CMM                        | shallow_ds4 + deep_stage6   | 32x64x160   |
| pool6           | max pool 3x3 s2            | cmm3                        | 16x32x160   |
| fusion          | DS-FFM                     | pool6 cmm3 cmm2 cmm1 ds1 st | 512x1024x64 |
| head_ds1        | DSConv                     | fusion                      | 512x1024x64 |
| head_ds2        | DSConv d2                  | head_ds1                    | 512x1024x48 |
| head_classifier | dropout, 1x1 conv, softmax | head_ds2                    | 512x1024xK  |
| head_upsample   | nearest x2                 | head_classifier             | 1024x2048xK |

With `auxiliary=True` two heads for training, which are not in the paper:

| name     | operation                           | reads | out         |
|----------|-------------------------------------|-------|-------------|
| aux_cmm2 | Conv 3x3 64, dropout, 1x1 conv, x16 | cmm2  | 1024x2048xK |
| aux_cmm3 | Conv 3x3 64, dropout, 1x1 conv, x32 | cmm3  | 1024x2048xK |
"""

import keras

from scmnet_zoo.layers import (
    ContextMiningModule,
    Conv2D,
    DeepShallowFeatureFusion,
    DepthwiseSeparableConv2D,
    InvertedResidual,
)
from scmnet_zoo.models._factory import (
    IMAGENET,
    classify_auxiliary,
    conv_bn,
    image_input,
    plan,
    probabilities,
    with_auxiliary,
)


def SCMNet(
    weights=None,
    num_classes=None,
    input_shape=(None, None, 3),
    include_preprocessing=True,
    classifier_activation="softmax",
    residual=None,
    auxiliary=False,
    dropout=0.45,
    name="scmnet",
):
    """SCMNet, 1.26 M parameters.

    Args:
        weights: None for random ones, a name (`scmnet-zoo weights` lists them), or the path of a
            `.safetensors`, `.weights.h5` or `.keras` file. With another number of classes all
            but the classifier is loaded.
        num_classes: number of classes; by default that of the weights, else 19.
        input_shape: (height, width, channels); height and width None where they vary.
        include_preprocessing: take RGB 0..255 and normalise inside. False leaves that to you.
        classifier_activation: `"softmax"`, or None for logits.
        residual: add the identity in the inverted residuals, as the paper draws them; the
            authors' released graph does not (False). By default as in the weights, else True;
            a `.keras` or `.weights.h5` file does not say, so name what it was made with.
        auxiliary: add two heads for training, on the outputs of the second and the third context
            mining module, upsampled bilinearly.
        dropout: rate of the dropout before each classifier, in training.
        name: name of the model.

    Returns:
        A functional `keras.Model` from `(batch, height, width, 3)`, any height and width from
        32 up, to `(batch, height, width, num_classes)`; with `auxiliary=True` to a dict of such
        maps: `"main"`, `"aux_cmm2"`, `"aux_cmm3"`.

    Raises:
        ValueError: a wrong argument, or weights that do not exist, do not fit, or contradict an
            argument.
        OSError: the weights cannot be downloaded.

    Source: Singha, Bergemann, Pham, Krishna, "SCMNet: Shared Context Mining Network for
    Real-time Semantic Segmentation", DICTA 2021, doi 10.1109/DICTA52665.2021.9647401.

    Example:

    >>> model = SCMNet(num_classes=11, input_shape=(360, 480, 3))
    >>> model.output_shape
    (None, 360, 480, 11)
    """
    settings = plan(
        "scmnet", weights, num_classes, IMAGENET, {"residual": residual}, {"residual": True}
    )

    def build(classes):
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        residual = settings.arguments["residual"]
        logits, others = _logits(image, classes, residual, auxiliary, dropout)
        outputs = probabilities(logits, image, classifier_activation, "nearest")
        outputs = with_auxiliary(outputs, others, image, classifier_activation, "bilinear")
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(image, classes, residual, auxiliary, dropout):
    """Logits at half the image's size, and a dict of those of the auxiliary heads."""
    half = keras.layers.AveragePooling2D(
        2, padding="same", data_format="channels_last", name="deep_input"
    )(image)
    deep = conv_bn(half, 32, 3, "deep_stem", strides=2)  # /4, as all sides of the deep branch
    deep = _stage(deep, 32, 1, 2, 1, residual, "deep_stage1")  # /8
    deep = _stage(deep, 48, 2, 1, 6, residual, "deep_stage2")  # /8

    stem = conv_bn(image, 24, 3, "shallow_stem", strides=2)  # /2
    shallow1 = DepthwiseSeparableConv2D(32, strides=2, name="shallow_ds1")(stem)  # /4
    shallow2 = DepthwiseSeparableConv2D(48, strides=2, name="shallow_ds2")(shallow1)  # /8
    context1 = _meet(shallow2, deep, 1)  # /8, 48 channels

    deep = _stage(context1, 64, 3, 2, 6, residual, "deep_stage3")  # /16
    deep = _stage(deep, 96, 1, 1, 6, residual, "deep_stage4")
    shallow3 = DepthwiseSeparableConv2D(96, strides=2, name="shallow_ds3")(context1)  # /16
    context2 = _meet(shallow3, deep, 2)  # /16, 96 channels

    deep = _stage(context2, 128, 3, 2, 6, residual, "deep_stage5")  # /32
    deep = _stage(deep, 160, 1, 1, 6, residual, "deep_stage6")
    shallow4 = DepthwiseSeparableConv2D(160, strides=2, name="shallow_ds4")(context2)  # /32
    context3 = _meet(shallow4, deep, 3)  # /32, 160 channels

    pool6 = keras.layers.MaxPooling2D(
        3, 2, padding="same", data_format="channels_last", name="pool6"
    )(context3)  # /64
    x = DeepShallowFeatureFusion(64, name="fusion")(
        [pool6, context3, context2, context1, shallow1, stem]
    )  # /2, 64 channels
    x = DepthwiseSeparableConv2D(64, name="head_ds1")(x)
    x = DepthwiseSeparableConv2D(48, dilation_rate=2, name="head_ds2")(x)
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    logits = Conv2D(classes, 1, data_format="channels_last", name="head_classifier")(x)
    heads = {"aux_cmm2": context2, "aux_cmm3": context3} if auxiliary else {}
    return logits, {
        name: classify_auxiliary(features, 64, classes, dropout, name)
        for name, features in heads.items()
    }


def _stage(x, filters, repeats, strides, expansion, residual, name):
    """Inverted residuals, the first of which strides."""
    for i in range(repeats):
        x = InvertedResidual(
            filters,
            expansion=expansion,
            strides=strides if i == 0 else 1,
            residual=residual,
            name=f"{name}_{i}",
        )(x)
    return x


def _meet(shallow, deep, number):
    """The sum of both branches, activated, through a context mining module."""
    x = keras.layers.Add(name=f"meet{number}_add")([shallow, deep])
    x = keras.layers.Activation("relu", name=f"meet{number}_relu")(x)
    return ContextMiningModule(name=f"cmm{number}")(x)
