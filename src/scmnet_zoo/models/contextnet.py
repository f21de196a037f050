"""ContextNet: a deep branch on a quarter of the image, a shallow one on all of it, one fusion.

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

import keras

from scmnet_zoo.layers import ResizeToPartner
from scmnet_zoo.models import _two_branch
from scmnet_zoo.models._factory import IMAGENET, classify_auxiliary, image_input, plan
from scmnet_zoo.models._two_branch import ds_conv, stage


def ContextNet(
    weights=None,
    num_classes=None,
    input_shape=(None, None, 3),
    include_preprocessing=True,
    classifier_activation="softmax",
    auxiliary=False,
    dropout=0.1,
    name="contextnet",
):
    """ContextNet14, 0.88 M parameters.

    Some details follow the public re-implementation whose Cityscapes weights can be imported, not
    the paper: the deep branch has no last 3x3 convolution, the fusion's depthwise convolution is
    not dilated (by 4 in the paper), the head has two separable convolutions, and the convolutions
    that read an image pad nothing. Bilinear resizing aligns the corners.

    Args:
        weights: None for random ones, a name (`scmnet-zoo weights` lists them), or the path of a
            `.safetensors`, `.weights.h5` or `.keras` file. With another number of classes all
            but the classifier is loaded.
        num_classes: number of classes; by default that of the weights, else 19.
        input_shape: (height, width, channels); height and width None where they vary.
        include_preprocessing: take RGB 0..255 and normalise inside. False leaves that to you.
        classifier_activation: `"softmax"`, or None for logits.
        auxiliary: add a head for training on the shallow branch's output.
        dropout: rate of the dropout before each classifier, in training.
        name: name of the model.

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

    def build(classes):
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits, others = _logits(image, classes, auxiliary, dropout)
        outputs = _two_branch.outputs(logits, others, image, classifier_activation)
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(image, classes, auxiliary, dropout):
    """Logits at an eighth of the image's size, and a dict of those of the auxiliary head."""
    x = _two_branch.stem(image, 32, "shallow_stem")  # /2
    quarter = ds_conv(x, 64, "shallow_ds1", strides=2)  # /4
    x = ds_conv(quarter, 128, "shallow_ds2", strides=2)  # /8
    high = ds_conv(x, 128, "shallow_ds3")  # /8

    # The image takes the size of a map at a quarter: an exact one on multiples of 4.
    x = ResizeToPartner(_two_branch.INTERPOLATION, name="deep_input")([image, quarter])  # /4
    x = _two_branch.stem(x, 32, "deep_stem")  # /8
    x = stage(x, 32, 1, 1, 1, "deep_stage1")  # /8
    x = stage(x, 32, 1, 1, 6, "deep_stage2")  # /8
    x = stage(x, 48, 3, 2, 6, "deep_stage3")  # /16
    x = stage(x, 64, 3, 2, 6, "deep_stage4")  # /32
    x = stage(x, 96, 2, 1, 6, "deep_stage5")  # /32
    low = stage(x, 128, 2, 1, 6, "deep_stage6")  # /32

    x = _two_branch.fuse(low, high, 128)  # /8
    logits = _two_branch.classify(x, classes, dropout)
    if not auxiliary:
        return logits, {}
    epsilon = _two_branch.EPSILON
    head = classify_auxiliary(high, 32, classes, dropout, "aux_shallow", epsilon=epsilon)
    return logits, {"aux_shallow": head}
