"""ContextNet: a deep branch at a quarter of the size, a shallow one at full size, one fusion.

Shapes for a 1024x2048 image (height x width x channels), s stride, t expansion:

| name            | operation             | reads                   | out         |
|-----------------|-----------------------|-------------------------|-------------|
| shallow_stem    | Conv 3x3 s2, unpadded | image                   | 511x1023x32 |
| shallow_ds1     | DSConv s2             | shallow_stem            | 256x512x64  |
| shallow_ds2     | DSConv s2             | shallow_ds1             | 128x256x128 |
| shallow_ds3     | DSConv                | shallow_ds2             | 128x256x128 |
| deep_input      | bilinear /4           | image                   | 256x512x3   |
| deep_stem       | Conv 3x3 s2, unpadded | deep_input              | 127x255x32  |
| deep_stage1     | MBConv t1 s1 x1       | deep_stem               | 127x255x32  |
| deep_stage2     | MBConv t6 s1 x1       | deep_stage1             | 127x255x32  |
| deep_stage3     | MBConv t6 s2 x3       | deep_stage2             | 64x128x48   |
| deep_stage4     | MBConv t6 s2 x3       | deep_stage3             | 32x64x64    |
| deep_stage5     | MBConv t6 s1 x2       | deep_stage4             | 32x64x96    |
| deep_stage6     | MBConv t6 s1 x2       | deep_stage5             | 32x64x128   |
| fusion_upsample | bilinear x4           | deep_stage6             | 128x256x128 |
| fusion_low      | DSConv, no last ReLU  | fusion_upsample         | 128x256x128 |
| fusion_high     | Conv 1x1, no ReLU     | shallow_ds3             | 128x256x128 |
| fusion_relu     | add, ReLU             | fusion_low, fusion_high | 128x256x128 |
| head_ds1        | DSConv                | fusion_relu             | 128x256x128 |
| head_ds2        | DSConv                | head_ds1                | 128x256x128 |
| head_classifier | dropout, 1x1 conv     | head_ds2                | 128x256xK   |
| head_upsample   | bilinear x8           | head_classifier         | 1024x2048xK |

With `auxiliary=True` a head for training:

| name        | operation                          | reads       | out         |
|-------------|------------------------------------|-------------|-------------|
| aux_shallow | Conv 3x3 32, dropout, 1x1 conv, x8 | shallow_ds3 | 1024x2048xK |
"""

from typing import Any

import keras

from scmnet_zoo.layers import ResizeToPartner
from scmnet_zoo.models import _two_branch
from scmnet_zoo.models._factory import IMAGENET, InputShape, Weights, image_input, plan
from scmnet_zoo.models._two_branch import ds_conv, stage


def ContextNet(
    weights: Weights = None,
    num_classes: int | None = None,
    input_shape: InputShape = (None, None, 3),
    include_preprocessing: bool = True,
    classifier_activation: str | None = "softmax",
    auxiliary: bool = False,
    dropout: float = 0.1,
    name: str = "contextnet",
) -> keras.Model:
    """ContextNet14.

    Trainable parameters with 19 classes: 0.88 M.

    Some details follow the public re-implementation whose Cityscapes weights can be imported, not
    the paper: the deep branch has no last 3x3 convolution, the fusion's depthwise convolution is
    not dilated (by 4 in the paper), the head has two separable convolutions, and the convolutions
    that read an image pad nothing. Bilinear resizing aligns the corners.

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
        auxiliary: add a head for training on the shallow branch's output. Defaults to False.
        dropout: rate of the dropout before each classifier, in training. Defaults to 0.1.
        name: name of the model. Defaults to `"contextnet"`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, 3)`, any height and width from
        32 up, to `(batch, height, width, num_classes)`; with `auxiliary=True` to a dict of such
        maps: `"main"`, `"aux_shallow"`.

    Raises:
        ValueError: a wrong argument, or weights that do not exist, do not fit, or contradict an
            argument.
        OSError: the weights cannot be downloaded.

    Source: Poudel, Bonde, Liwicki, Zach, "ContextNet: Exploring Context and Detail for Semantic
    Segmentation in Real-time", BMVC 2018, arXiv 1805.04554, tables 1 and 2.

    Example:

    >>> model = ContextNet(num_classes=11, input_shape=(360, 480, 3))
    >>> model.output_shape
    (None, 360, 480, 11)
    """
    settings = plan("contextnet", weights, num_classes, IMAGENET, {}, {})

    def build(classes: int) -> keras.Model:
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits, others = _logits(image, classes=classes, auxiliary=auxiliary, dropout=dropout)
        outputs = _two_branch.outputs(logits, others, image, classifier_activation)
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(
    image: Any, *, classes: int, auxiliary: bool, dropout: float
) -> tuple[Any, dict[str, Any]]:
    """Logits at an eighth of the image's size, and a dict of those of the auxiliary head."""
    x = _two_branch.stem(image, 32, name="shallow_stem")  # /2
    quarter = ds_conv(x, 64, name="shallow_ds1", strides=2)  # /4
    x = ds_conv(quarter, 128, name="shallow_ds2", strides=2)  # /8
    high = ds_conv(x, 128, name="shallow_ds3")  # /8

    # The image takes the size of a map at a quarter: an exact one on multiples of 4.
    x = ResizeToPartner(_two_branch.INTERPOLATION, name="deep_input")([image, quarter])  # /4
    x = _two_branch.stem(x, 32, name="deep_stem")  # /8
    x = stage(x, 32, repeats=1, strides=1, expansion=1, name="deep_stage1")  # /8
    x = stage(x, 32, repeats=1, strides=1, expansion=6, name="deep_stage2")  # /8
    x = stage(x, 48, repeats=3, strides=2, expansion=6, name="deep_stage3")  # /16
    x = stage(x, 64, repeats=3, strides=2, expansion=6, name="deep_stage4")  # /32
    x = stage(x, 96, repeats=2, strides=1, expansion=6, name="deep_stage5")  # /32
    low = stage(x, 128, repeats=2, strides=1, expansion=6, name="deep_stage6")  # /32

    x = _two_branch.feature_fusion(low, high, 128)  # /8
    logits = _two_branch.head(x, classes, dropout)
    if not auxiliary:
        return logits, {}
    name = "aux_shallow"
    head = _two_branch.auxiliary_head(high, classes, filters=32, dropout=dropout, name=name)
    return logits, {name: head}
