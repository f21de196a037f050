"""Fast-SCNN: learning to downsample, global feature extractor, feature fusion.

Shapes for a 1024x2048 image (height x width x channels), s stride, t expansion:

| name            | operation                     | reads                   | out         |
|-----------------|-------------------------------|-------------------------|-------------|
| downsample_stem | Conv 3x3 s2, unpadded         | image                   | 511x1023x32 |
| downsample_ds1  | DSConv s2                     | downsample_stem         | 256x512x48  |
| downsample_ds2  | DSConv s2                     | downsample_ds1          | 128x256x64  |
| global_stage1   | MBConv t6 s2 x3               | downsample_ds2          | 64x128x64   |
| global_stage2   | MBConv t6 s2 x3               | global_stage1           | 32x64x96    |
| global_stage3   | MBConv t6 s1 x3               | global_stage2           | 32x64x128   |
| global_pool     | pyramid pooling, bins 1 2 3 6 | global_stage3           | 32x64x128   |
| fusion_upsample | bilinear x4                   | global_pool             | 128x256x128 |
| fusion_low      | DSConv, no last ReLU          | fusion_upsample         | 128x256x128 |
| fusion_high     | Conv 1x1, no ReLU             | downsample_ds2          | 128x256x128 |
| fusion_relu     | add, ReLU                     | fusion_low, fusion_high | 128x256x128 |
| head_ds1        | DSConv                        | fusion_relu             | 128x256x128 |
| head_ds2        | DSConv                        | head_ds1                | 128x256x128 |
| head_classifier | dropout, 1x1 conv             | head_ds2                | 128x256xK   |
| head_upsample   | bilinear x8                   | head_classifier         | 1024x2048xK |

With `auxiliary=True` two heads for training:

| name           | operation                           | reads          | out         |
|----------------|-------------------------------------|----------------|-------------|
| aux_downsample | Conv 3x3 64, dropout, 1x1 conv, x8  | downsample_ds2 | 1024x2048xK |
| aux_global     | Conv 3x3 64, dropout, 1x1 conv, x32 | global_pool    | 1024x2048xK |
"""

from typing import Any

import keras

from scmnet_zoo.layers import PyramidPooling
from scmnet_zoo.models import _two_branch
from scmnet_zoo.models._factory import IMAGENET, InputShape, Weights, image_input, plan
from scmnet_zoo.models._two_branch import ds_conv, stage


def FastSCNN(
    weights: Weights = None,
    num_classes: int | None = None,
    input_shape: InputShape = (None, None, 3),
    include_preprocessing: bool = True,
    classifier_activation: str | None = "softmax",
    auxiliary: bool = False,
    dropout: float = 0.1,
    name: str = "fastscnn",
) -> keras.Model:
    """Fast-SCNN.

    Trainable parameters with 19 classes: 1.14 M.

    Two details follow the public re-implementation whose Cityscapes weights can be imported, not
    the paper: the fusion's depthwise convolution is not dilated (by 4 in the paper), and the
    first convolution pads nothing. Bilinear resizing aligns the corners.

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
        auxiliary: add two heads for training, on the learning-to-downsample output and on the
            global features; the paper weights their losses 0.4. Defaults to False.
        dropout: rate of the dropout before each classifier, in training. Defaults to 0.1.
        name: name of the model. Defaults to `"fastscnn"`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, 3)`, any height and width from
        32 up, to `(batch, height, width, num_classes)`; with `auxiliary=True` to a dict of such
        maps: `"main"`, `"aux_downsample"`, `"aux_global"`.

    Raises:
        ValueError: a wrong argument, or weights that do not exist, do not fit, or contradict an
            argument.
        OSError: the weights cannot be downloaded.

    Source: Poudel, Liwicki, Cipolla, "Fast-SCNN: Fast Semantic Segmentation Network", BMVC 2019,
    arXiv 1902.04502, table 1.

    Example:

    >>> model = FastSCNN(num_classes=11, input_shape=(360, 480, 3))
    >>> model.output_shape
    (None, 360, 480, 11)
    """
    settings = plan("fastscnn", weights, num_classes, IMAGENET, {}, {})

    def build(classes: int) -> keras.Model:
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits, others = _logits(image, classes=classes, auxiliary=auxiliary, dropout=dropout)
        outputs = _two_branch.outputs(logits, others, image, classifier_activation)
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(
    image: Any, *, classes: int, auxiliary: bool, dropout: float
) -> tuple[Any, dict[str, Any]]:
    """Logits at an eighth of the image's size, and a dict of those of the auxiliary heads."""
    x = _two_branch.stem(image, 32, name="downsample_stem")  # /2
    x = ds_conv(x, 48, name="downsample_ds1", strides=2)  # /4
    high = ds_conv(x, 64, name="downsample_ds2", strides=2)  # /8

    low = stage(high, 64, repeats=3, strides=2, expansion=6, name="global_stage1")  # /16
    low = stage(low, 96, repeats=3, strides=2, expansion=6, name="global_stage2")  # /32
    low = stage(low, 128, repeats=3, strides=1, expansion=6, name="global_stage3")  # /32
    low = PyramidPooling(128, epsilon=_two_branch.EPSILON, name="global_pool")(low)

    x = _two_branch.feature_fusion(low, high, 128)  # /8
    logits = _two_branch.head(x, classes, dropout)
    heads = {"aux_downsample": high, "aux_global": low} if auxiliary else {}
    return logits, {
        name: _two_branch.auxiliary_head(features, classes, filters=64, dropout=dropout, name=name)
        for name, features in heads.items()
    }
