"""A network from outside the package, as CONTRIBUTING.md describes how one is added."""

import keras

from scmnet_zoo.catalogue import NetworkCard, Paper
from scmnet_zoo.layers import Conv2D
from scmnet_zoo.models._factory import IMAGENET, conv_bn, image_input, plan, probabilities


def ToyNet(
    weights=None,
    num_classes=None,
    input_shape=(None, None, 3),
    include_preprocessing=True,
    classifier_activation="softmax",
    width=None,
    name="toynet",
):
    """One strided convolution and a classifier, bilinear upsampling."""
    settings = plan("toynet", weights, num_classes, IMAGENET, {"width": width}, {"width": 8})

    def build(classes):
        inputs, image = image_input(settings, input_shape, include_preprocessing)
        x = conv_bn(image, settings.arguments["width"], 3, "stem", strides=2)  # /2
        logits = Conv2D(classes, 1, data_format="channels_last", name="head_classifier")(x)
        outputs = probabilities(logits, image, classifier_activation, "bilinear")
        return keras.Model(inputs, outputs, name=name)

    return settings.load(build(settings.num_classes), build)


CARD = NetworkCard(
    key="toynet",
    title="ToyNet",
    factory=ToyNet,
    paper=Paper("Nobody", "Nowhere", 2000, arxiv="0000.00000"),
    parameters=427,
    trainable=411,
    arguments={"width": 8},
    small={"width": 4},
)
