"""Feature distillation: a network's features are trained towards those of an ImageNet network."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers import FastConv2D, ImageInput
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.models._factory import PLUS_MINUS_ONE
from scmnet_zoo.models.backbones import efficientnet_lite2
from scmnet_zoo.models.backbones._port_file import installed_port
from scmnet_zoo.models.backbones._pretrained import IMAGENET, assign_pretrained, read_pretrained
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.start import dtype_policy

GUIDE = "efficientnet_lite2"
NATIVE_STRIDE = 32
EPSILON = 1e-3  # added to the variance of each channel
SMALLEST = 1e-6  # added to the squared length of each vector, which may be 0


def guide_network(precision: str = "float32") -> keras.Model:
    """EfficientNet-Lite2 with its ImageNet weights, from images 0..255 to its last map.

    Raises:
        ValueError: the package with the weights is not installed.
    """
    guide = bare_guide(precision)
    assign_pretrained(guide, read_pretrained(GUIDE, IMAGENET), GUIDE)
    return guide


def bare_guide(precision: str = "float32") -> keras.Model:
    """The guide with random weights."""
    with dtype_policy(precision):
        image = keras.Input((None, None, 3))
        normalised = ImageInput(PLUS_MINUS_ONE.mean, PLUS_MINUS_ONE.std, name="preprocessing")(
            image
        )
        return keras.Model(image, efficientnet_lite2(normalised, NATIVE_STRIDE)[1], name="guide")


class FeatureDistillation(keras.layers.Layer):
    """The distance between a network's features and those of a network trained on ImageNet.

    Each feature map of the network passes a 1x1 convolution to the number of channels of the
    guide's map, whose channels are standardised over the batch so that all count alike. The loss is
    1 minus the cosine similarity over the channels, averaged over positions and pairs.

    Args:
        network: the functional network that learns.
        guide: the network whose features are the target; it is not trained.
        pairs: name of the network's layer -> name of the guide's layer.
        weight: factor of the loss.
        precision: dtype policy of the convolutions.

    Raises:
        ValueError: a layer does not exist.

    Source: Romero et al. 2015, FitNets, arXiv 1412.6550, section 2.2, with the cosine as distance.
    """

    def __init__(
        self,
        network: keras.Model,
        guide: keras.Model,
        pairs: Mapping[str, str],
        weight: float,
        precision: str = "float32",
    ):
        super().__init__(dtype="float32", autocast=False, name="feature_distillation")
        self.weight = weight
        pairs = dict(sorted(pairs.items()))  # the order in which a run stores its variables
        check_layers(network, pairs)
        check_layers(guide, pairs.values())
        maps = {name: network.get_layer(name).output for name in pairs}
        targets = {name: guide.get_layer(layer).output for name, layer in pairs.items()}
        self.guide: keras.Model = keras.Model(guide.inputs, targets)
        self.guide.trainable = False
        whole = keras.Model(network.inputs, {"outputs": network.output, "maps": maps})
        # A function, not an attribute: the training model already tracks the layers of the network.
        self.observe: Callable[[Tensor, bool | None], dict[str, Any]]
        self.observe = lambda images, training: whole(images, training=training)
        self.projections: list[keras.layers.Layer] = []
        for name, map_ in maps.items():
            projection = FastConv2D(
                targets[name].shape[-1],
                1,
                data_format="channels_last",
                dtype=precision,
                name=f"projection_{name}",
            )
            projection.build(map_.shape)
            self.projections.append(projection)
        self.names: list[str] = list(pairs)
        self.built = True

    def loss(self, images: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        """The weighted distance of the network's feature maps to the guide's.

        Args:
            images: values 0..255, (batch, height, width, 3), as given to the network.
            maps: the network's feature maps by layer name.
        """
        targets = self.guide(images, training=False)
        total = 0.0
        for name, projection in zip(self.names, self.projections, strict=True):
            found = ops.cast(projection(maps[name]), "float32")  # (batch, height, width, channels)
            target = ops.stop_gradient(ops.cast(targets[name], "float32"))
            known = None not in found.shape[1:3]
            if not (known and target.shape[1:3] == found.shape[1:3]):
                sides = ops.shape(found)[1:3]
                target = ops.image.resize(target, sides, data_format="channels_last")
            mean, variance = ops.moments(target, axes=(0, 1, 2), keepdims=True)
            target = (target - mean) / ops.sqrt(variance + EPSILON)
            cosine = ops.sum(_direction(found) * _direction(target), axis=-1)
            total = total + ops.mean(1.0 - cosine)
        return self.weight * total / len(self.names)


def _direction(vectors):
    """Normalise vectors along the last axis to length 1; zero vectors stay 0, with a gradient."""
    return vectors * ops.rsqrt(ops.sum(vectors * vectors, axis=-1, keepdims=True) + SMALLEST)


def feature_distillation_of(network: keras.Model, recipe: Recipe) -> FeatureDistillation | None:
    """The recipe's feature distillation, or None where its weight is 0."""
    if not recipe.loss.feature_distillation:
        return None
    guide = guide_network(recipe.precision)
    return FeatureDistillation(
        network, guide, recipe.features, recipe.loss.feature_distillation, recipe.precision
    )


def check_features(network: keras.Model, recipe: Recipe) -> None:
    """Check that the recipe's feature distillation can run, before any frame is read.

    Raises:
        ValueError: the package of the guide's weights is not installed, or a layer does not exist.
    """
    if recipe.loss.feature_distillation:
        check_layers(network, recipe.features)
        check_layers(bare_guide(), recipe.features.values())
        installed_port()


def check_layers(network: keras.Model, names: Iterable[str]) -> None:
    """Check that a network has layers of these names.

    Raises:
        ValueError: a layer does not exist; the message names some that do.
    """
    known = {layer.name for layer in network.layers}
    for name in names:
        if name not in known:
            raise ValueError(
                f"Expected the recipe's [features] to name a layer of {network.name} "
                f"({', '.join(_landmarks(network))}, ...). Received: {name!r}"
            )


def _landmarks(network: keras.Model) -> list[str]:
    """A sample of the names of a network's blocks."""
    plain = (keras.layers.Activation, keras.layers.InputLayer, keras.layers.BatchNormalization)
    names = [layer.name for layer in network.layers if not isinstance(layer, plain)]
    return names[:: max(1, len(names) // 8)]
