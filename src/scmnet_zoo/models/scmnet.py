"""SCMNet: two branches that share their context three times, and a fusion of six maps.

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

from typing import Any

import keras

from scmnet_zoo.layers import (
    ContextMiningModule,
    DeepShallowFeatureFusion,
    DepthwiseSeparableConv2D,
)
from scmnet_zoo.models._blocks import convolution_block, inverted_residual_stage
from scmnet_zoo.models._factory import IMAGENET, InputShape, Weights, image_input, plan
from scmnet_zoo.models._heads import auxiliary_logits, classifier, probabilities, with_auxiliary


def SCMNet(
    weights: Weights = None,
    num_classes: int | None = None,
    input_shape: InputShape = (None, None, 3),
    include_preprocessing: bool = True,
    classifier_activation: str | None = "softmax",
    residual: bool | None = None,
    auxiliary: bool = False,
    dropout: float = 0.45,
    name: str = "scmnet",
) -> keras.Model:
    """SCMNet.

    Trainable parameters with 19 classes: 1.23 M.

    Args:
        weights: None for random ones, a name (`scmnet-zoo weights list` lists them), or the path of
            a `.safetensors`, `.weights.h5` or `.keras` file. With another number of classes all
            but the classifier is loaded. Defaults to None.
        num_classes: number of classes, 2 or more. Defaults to that of the weights, else 19.
        input_shape: (height, width, channels); height and width None where they vary. Defaults to
            (None, None, 3).
        include_preprocessing: take RGB 0..255 and normalise it inside. With False the network
            takes images that are normalised already. Defaults to True.
        classifier_activation: `"softmax"`, or None for logits. Defaults to `"softmax"`.
        residual: add the identity in the inverted residuals, as the paper draws them; the
            authors' released graph does not (False). By default as in the weights, else True;
            a `.keras` or `.weights.h5` file does not say, so name what it was made with.
        auxiliary: add two heads for training, on the outputs of the second and the third context
            mining module, upsampled bilinearly. Defaults to False.
        dropout: rate of the dropout before each classifier, in training. Defaults to 0.45.
        name: name of the model. Defaults to `"scmnet"`.

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

    def build(classes: int) -> keras.Model:
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits, others = _logits(
            image,
            classes=classes,
            residual=settings.arguments["residual"],
            auxiliary=auxiliary,
            dropout=dropout,
        )
        main = probabilities(
            logits, image, classifier_activation=classifier_activation, interpolation="nearest"
        )
        outputs = with_auxiliary(
            main,
            others,
            image,
            classifier_activation=classifier_activation,
            interpolation="bilinear",
        )
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(
    image: Any, *, classes: int, residual: bool, auxiliary: bool, dropout: float
) -> tuple[Any, dict[str, Any]]:
    """Logits at half the image's size, and a dict of those of the auxiliary heads."""

    def stage(x: Any, filters: int, *, repeats: int, strides: int, expansion: int, name: str):
        return inverted_residual_stage(
            x,
            filters,
            repeats=repeats,
            strides=strides,
            expansion=expansion,
            residual=residual,
            name=name,
        )

    def ds_conv(x: Any, filters: int, *, name: str, strides: int = 1, dilation_rate: int = 1):
        return DepthwiseSeparableConv2D(
            filters, strides=strides, dilation_rate=dilation_rate, name=name
        )(x)

    deep = keras.layers.AveragePooling2D(
        2, padding="same", data_format="channels_last", name="deep_input"
    )(image)  # /2
    deep = _convolution(deep, 32, name="deep_stem")  # /4
    deep = stage(deep, 32, repeats=1, strides=2, expansion=1, name="deep_stage1")  # /8
    deep = stage(deep, 48, repeats=2, strides=1, expansion=6, name="deep_stage2")  # /8

    stem = _convolution(image, 24, name="shallow_stem")  # /2
    shallow1 = ds_conv(stem, 32, strides=2, name="shallow_ds1")  # /4
    shallow2 = ds_conv(shallow1, 48, strides=2, name="shallow_ds2")  # /8
    context1 = _shared_context(shallow2, deep, number=1)  # /8, 48 channels

    deep = stage(context1, 64, repeats=3, strides=2, expansion=6, name="deep_stage3")  # /16
    deep = stage(deep, 96, repeats=1, strides=1, expansion=6, name="deep_stage4")  # /16
    shallow3 = ds_conv(context1, 96, strides=2, name="shallow_ds3")  # /16
    context2 = _shared_context(shallow3, deep, number=2)  # /16, 96 channels

    deep = stage(context2, 128, repeats=3, strides=2, expansion=6, name="deep_stage5")  # /32
    deep = stage(deep, 160, repeats=1, strides=1, expansion=6, name="deep_stage6")  # /32
    shallow4 = ds_conv(context2, 160, strides=2, name="shallow_ds4")  # /32
    context3 = _shared_context(shallow4, deep, number=3)  # /32, 160 channels

    pool6 = keras.layers.MaxPooling2D(
        3, 2, padding="same", data_format="channels_last", name="pool6"
    )(context3)  # /64
    x = DeepShallowFeatureFusion(64, name="fusion")(
        [pool6, context3, context2, context1, shallow1, stem]
    )  # /2, 64 channels
    x = ds_conv(x, 64, name="head_ds1")
    x = ds_conv(x, 48, dilation_rate=2, name="head_ds2")
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    logits = classifier(x, classes)
    heads = {"aux_cmm2": context2, "aux_cmm3": context3} if auxiliary else {}
    return logits, {
        name: auxiliary_logits(features, classes, filters=64, dropout=dropout, name=name)
        for name, features in heads.items()
    }


def _convolution(x: Any, filters: int, *, name: str) -> Any:
    """3x3 convolution with step 2, which has a bias, batch norm and ReLU."""
    return convolution_block(x, filters, kernel_size=3, name=name, strides=2, use_bias=True)


def _shared_context(shallow: Any, deep: Any, *, number: int) -> Any:
    """The sum of both branches, ReLU, and a context mining module."""
    x = keras.layers.Add(name=f"meet{number}_add")([shallow, deep])
    x = keras.layers.Activation("relu", name=f"meet{number}_relu")(x)
    return ContextMiningModule(name=f"cmm{number}")(x)
