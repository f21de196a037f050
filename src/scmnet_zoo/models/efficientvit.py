"""EfficientViT: stages of convolutions and linear attention, a head that joins three of them.

Shapes for a 1024x2048 image (height x width x channels) with the variant B0, s stride. MB is an
inverted residual of expansion 4, MB' one whose first two convolutions have a bias instead of batch
norm; both add the identity where the shapes agree.

| name                   | operation                        | reads                  | out         |
|------------------------|----------------------------------|------------------------|-------------|
| stem                   | Conv 3x3 s2, DSConv and identity | image                  | 512x1024x8  |
| stage1                 | MB s2, MB                        | stem                   | 256x512x16  |
| stage2                 | MB s2, MB                        | stage1                 | 128x256x32  |
| stage3_0               | MB' s2                           | stage2                 | 64x128x64   |
| stage3_1_attention     | multi-scale linear attention     | stage3_0               | 64x128x64   |
| stage3_1_attention_add | identity added                   | both                   | 64x128x64   |
| stage3_1               | MB'                              | stage3_1_attention_add | 64x128x64   |
| stage3                 | attention and MB' once more      | stage3_1               | 64x128x64   |
| stage4                 | MB' s2, attention and MB', x2    | stage3                 | 32x64x128   |
| head_stage4_upsample   | 1x1 and norm, bicubic x4         | stage4                 | 128x256x32  |
| head_stage3_upsample   | 1x1 and norm, bicubic x2         | stage3                 | 128x256x32  |
| head_stage2            | 1x1 and norm                     | stage2                 | 128x256x32  |
| head_add               | sum                              | the three              | 128x256x32  |
| head_middle            | MB                               | head_add               | 128x256x32  |
| head_output            | Conv 1x1                         | head_middle            | 128x256x128 |
| head_classifier        | dropout, 1x1 conv                | head_output            | 128x256xK   |
| head_upsample          | bicubic x8                       | head_classifier        | 1024x2048xK |
"""

from typing import Any, NamedTuple

import keras

from scmnet_zoo.layers import (
    DepthwiseSeparableConv2D,
    InvertedResidual,
    MultiScaleLinearAttention,
    ResizeToPartner,
)
from scmnet_zoo.models._blocks import convolution_block
from scmnet_zoo.models._factory import IMAGENET, InputShape, Weights, image_input, plan
from scmnet_zoo.models._heads import classifier, probabilities

EPSILON = 1e-5
EXPANSION = 4
ACTIVATION = "hard_silu"
INTERPOLATION = "bicubic"


class Variant(NamedTuple):
    """What the variants differ in.

    Attributes:
        widths: channels of the stem and the four stages.
        depths: DSConvs of the stem, MBs of stages 1 and 2, attentions of stages 3 and 4.
        head_width: channels of q, of k and of v of an attention's head.
        width: channels of the segmentation head.
        depth: MBs of the segmentation head.
    """

    widths: tuple[int, int, int, int, int]
    depths: tuple[int, int, int, int, int]
    head_width: int
    width: int
    depth: int


VARIANTS = {
    "b0": Variant(
        widths=(8, 16, 32, 64, 128),
        depths=(1, 2, 2, 2, 2),
        head_width=16,
        width=32,
        depth=1,
    ),
    "b1": Variant(
        widths=(16, 32, 64, 128, 256),
        depths=(1, 2, 3, 3, 4),
        head_width=16,
        width=64,
        depth=3,
    ),
    "b2": Variant(
        widths=(24, 48, 96, 192, 384),
        depths=(1, 3, 4, 4, 6),
        head_width=32,
        width=96,
        depth=3,
    ),
    "b3": Variant(
        widths=(32, 64, 128, 256, 512),
        depths=(1, 4, 6, 6, 9),
        head_width=32,
        width=128,
        depth=3,
    ),
}


def EfficientViT(
    weights: Weights = None,
    num_classes: int | None = None,
    input_shape: InputShape = (None, None, 3),
    include_preprocessing: bool = True,
    classifier_activation: str | None = "softmax",
    variant: str | None = None,
    dropout: float = 0.0,
    name: str = "efficientvit",
) -> keras.Model:
    """EfficientViT for segmentation.

    Trainable parameters with 19 classes: 0.71 M (b0), 4.80 M (b1), 15.32 M (b2), 39.60 M (b3).

    On images whose
    sides are no multiples of 32 the maps take each other's sizes, where the authors' code fails.

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
        variant: `"b0"`, `"b1"`, `"b2"` or `"b3"`. By default as in the weights, but a `.keras` or
            `.weights.h5` file does not say it, so name what it was made with; without weights,
            `"b0"`.
        dropout: rate of the dropout before the classifier, in training. Defaults to 0.
        name: name of the model. Defaults to `"efficientvit"`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, 3)`, any height and width from
        32 up, to `(batch, height, width, num_classes)`.

    Raises:
        ValueError: a wrong argument, or weights that do not exist, do not fit, or contradict an
            argument.
        OSError: the weights cannot be downloaded.

    Source: Cai, Li, Hu, Gan, Han, "EfficientViT: Lightweight Multi-Scale Attention for
    High-Resolution Dense Prediction", ICCV 2023, arXiv 2205.14756.

    Example:

    >>> model = EfficientViT(variant="b0", num_classes=11, input_shape=(360, 480, 3))
    >>> model.output_shape
    (None, 360, 480, 11)
    """
    settings = plan(
        "efficientvit", weights, num_classes, IMAGENET, {"variant": variant}, {"variant": "b0"}
    )
    chosen = settings.arguments["variant"]
    if not isinstance(chosen, str) or chosen not in VARIANTS:
        raise ValueError(
            f"Expected variant to be one of {tuple(VARIANTS)}. Received: variant={chosen!r}"
        )

    def build(classes: int) -> keras.Model:
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits = _logits(image, classes=classes, variant=VARIANTS[chosen], dropout=dropout)
        outputs = probabilities(
            logits,
            image,
            classifier_activation=classifier_activation,
            interpolation=INTERPOLATION,
        )
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


def _logits(image: Any, *, classes: int, variant: Variant, dropout: float) -> Any:
    """Logits at an eighth of the image's size."""
    maps = _stages(image, variant)  # /4, /8, /16, /32
    x = _head_input(maps[1], variant.width, name="head_stage2")  # /8
    stages = [x]
    for number in (3, 4):
        name = f"head_stage{number}"
        low = _head_input(maps[number - 1], variant.width, name=name)
        stages.insert(0, ResizeToPartner(INTERPOLATION, name=f"{name}_upsample")([low, x]))
    x = keras.layers.Add(name="head_add")(stages)
    for i in range(variant.depth):
        x = _inverted_residual(x, variant.width, name=f"head_middle_{i}")
    x = convolution_block(
        x,
        4 * variant.width,
        kernel_size=1,
        name="head_output",
        activation=ACTIVATION,
        epsilon=EPSILON,
    )
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return classifier(x, classes)


def _head_input(x: Any, filters: int, *, name: str) -> Any:
    """1x1 convolution and batch norm."""
    return convolution_block(x, filters, kernel_size=1, name=name, activation=None, epsilon=EPSILON)


def _stages(image: Any, variant: Variant) -> list[Any]:
    """The maps of the four stages, at 1/4, 1/8, 1/16 and 1/32 of the image's size."""
    x = keras.layers.ZeroPadding2D(1, "channels_last", name="stem_pad")(image)
    x = convolution_block(
        x,
        variant.widths[0],
        kernel_size=3,
        name="stem",
        strides=2,
        activation=ACTIVATION,
        padding="valid",
        epsilon=EPSILON,
    )  # /2
    for i in range(variant.depths[0]):
        before = x
        x = DepthwiseSeparableConv2D(
            variant.widths[0],
            activation=None,
            depthwise_batchnorm=True,
            depthwise_activation=ACTIVATION,
            use_bias=False,
            epsilon=EPSILON,
            name=f"stem_ds{i}",
        )(x)
        x = keras.layers.Add(name=f"stem_add{i}")([before, x])
    maps = []
    for number in range(1, 5):
        filters, depth = variant.widths[number], variant.depths[number]
        if number <= 2:
            for i in range(depth):
                strides = 2 if i == 0 else 1
                x = _inverted_residual(x, filters, strides=strides, name=f"stage{number}_{i}")
        else:
            x = _inverted_residual(
                x, filters, strides=2, inner_batchnorm=False, name=f"stage{number}_0"
            )
            for i in range(1, depth + 1):
                x = _attention_block(x, variant.head_width, name=f"stage{number}_{i}")
        maps.append(x)
    return maps


def _attention_block(x: Any, head_width: int, *, name: str) -> Any:
    """Attention and an inverted residual, the identity added to both."""
    attention = MultiScaleLinearAttention(
        x.shape[-1], head_width=head_width, epsilon=EPSILON, name=f"{name}_attention"
    )(x)
    x = keras.layers.Add(name=f"{name}_attention_add")([x, attention])
    return _inverted_residual(x, x.shape[-1], inner_batchnorm=False, name=name)


def _inverted_residual(
    x: Any, filters: int, *, name: str, strides: int = 1, inner_batchnorm: bool = True
) -> Any:
    return InvertedResidual(
        filters,
        expansion=EXPANSION,
        strides=strides,
        activation=ACTIVATION,
        use_bias=False,
        padding="symmetric",
        epsilon=EPSILON,
        inner_batchnorm=inner_batchnorm,
        name=name,
    )(x)
