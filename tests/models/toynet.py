"""A network from outside the package, as CONTRIBUTING.md describes how one is added."""

import keras

from scmnet_zoo.catalogue import NetworkCard, Paper
from scmnet_zoo.models._blocks import convolution_block
from scmnet_zoo.models._factory import IMAGENET, image_input, plan
from scmnet_zoo.models._heads import classifier, probabilities


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
        width = settings.arguments["width"]
        x = convolution_block(
            image, width, kernel_size=3, name="stem", strides=2, use_bias=True
        )  # /2
        logits = classifier(x, classes)
        outputs = probabilities(
            logits,
            image,
            classifier_activation=classifier_activation,
            interpolation="bilinear",
        )
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
