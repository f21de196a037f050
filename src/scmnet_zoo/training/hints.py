"""Hints: maps of a network trained on ImageNet that a network learns to tell from its own maps."""

from collections.abc import Iterable, Mapping

import keras
from keras import ops

from scmnet_zoo.layers import Conv2D, ImageInput
from scmnet_zoo.models._factory import PLUS_MINUS_ONE
from scmnet_zoo.models.backbones import efficientnet_lite2
from scmnet_zoo.models.backbones._port_file import installed_port
from scmnet_zoo.models.backbones._pretrained import IMAGENET, assign_pretrained, read_pretrained
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.start import dtype_policy

GUIDE = "efficientnet_lite2"
NATIVE_STRIDE = 32
EPSILON = 1e-3  # added to the variance of a channel
SMALLEST = 1e-6  # added to the square of a vector's length: it may be 0


def guide_network(precision: str = "float32") -> keras.Model:
    """EfficientNet-Lite2 with its ImageNet weights, from images 0..255 to its last map.

    Raises:
        ValueError: the package that has the weights is not installed.
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


class Hints(keras.layers.Layer):
    """What maps of a network lack to tell those of another, which was trained on ImageNet.

    Each of the network's maps goes through a 1x1 convolution to as many channels as its hint has;
    the loss is 1 less the cosine between the two over the channels, the mean over all places, and
    over all pairs. The hint's channels are brought to mean 0 and variance 1 over the batch before,
    so that none outweighs the others.

    Args:
        network: that learns; functional.
        guide: whose maps are the hints; nothing in it learns.
        pairs: name of the network's layer -> name of the guide's.
        weight: of the loss beside the recipe's own.
        precision: the dtype policy of the convolutions.

    Raises:
        ValueError: a layer that there is not.

    Source: Romero et al. 2015, FitNets, arXiv 1412.6550, section 2.2, but for the distance.
    """

    def __init__(
        self,
        network: keras.Model,
        guide: keras.Model,
        pairs: Mapping[str, str],
        weight: float,
        precision: str = "float32",
    ):
        super().__init__(dtype="float32", autocast=False, name="hints")
        self.weight = weight
        pairs = dict(sorted(pairs.items()))  # the state of a run goes by their places
        check_layers(network, pairs)
        check_layers(guide, pairs.values())
        maps = {name: network.get_layer(name).output for name in pairs}
        hints = {name: guide.get_layer(hint).output for name, hint in pairs.items()}
        self.guide = keras.Model(guide.inputs, hints)
        self.guide.trainable = False
        whole = keras.Model(network.inputs, {"outputs": network.output, "maps": maps})
        # Not an attribute: the layers are the network's, which the training model has already.
        self.observe = lambda images, training: whole(images, training=training)
        self.projections = []
        for name, map_ in maps.items():
            projection = Conv2D(
                hints[name].shape[-1],
                1,
                data_format="channels_last",
                dtype=precision,
                name=f"hint_{name}",
            )
            projection.build(map_.shape)
            self.projections.append(projection)
        self.names = list(pairs)
        self.built = True

    def loss(self, images, maps):
        """The weighted distance of the network's maps to their hints.

        Args:
            images: 0..255 (batch, height, width, 3), as the network sees them.
            maps: the network's, by the names of their layers.
        """
        hints = self.guide(images, training=False)
        total = 0.0
        for name, projection in zip(self.names, self.projections, strict=True):
            told = ops.cast(projection(maps[name]), "float32")  # (batch, height, width, channels)
            hint = ops.stop_gradient(ops.cast(hints[name], "float32"))
            known = None not in told.shape[1:3]
            if not (known and hint.shape[1:3] == told.shape[1:3]):
                sides = ops.shape(told)[1:3]
                hint = ops.image.resize(hint, sides, data_format="channels_last")
            mean, variance = ops.moments(hint, axes=(0, 1, 2), keepdims=True)
            hint = (hint - mean) / ops.sqrt(variance + EPSILON)
            cosine = ops.sum(_direction(told) * _direction(hint), axis=-1)
            total = total + ops.mean(1.0 - cosine)
        return self.weight * total / len(self.names)


def _direction(vectors):
    """Vectors along the last axis, of length 1; 0 stays 0, with a gradient."""
    return vectors * ops.rsqrt(ops.sum(vectors * vectors, axis=-1, keepdims=True) + SMALLEST)


def hints_of(network: keras.Model, recipe: Recipe) -> Hints | None:
    """The hints of a recipe, None where it weighs none."""
    if not recipe.loss.hints:
        return None
    guide = guide_network(recipe.precision)
    return Hints(network, guide, recipe.hints, recipe.loss.hints, recipe.precision)


def check_hints(network: keras.Model, recipe: Recipe) -> None:
    """That the hints of a recipe can be had, before frames are read for it.

    Raises:
        ValueError: the guide's package is not installed, or there is no such layer.
    """
    if recipe.loss.hints:
        check_layers(network, recipe.hints)
        check_layers(bare_guide(), recipe.hints.values())
        installed_port()


def check_layers(network: keras.Model, names: Iterable[str]) -> None:
    """That a network has layers of these names.

    Raises:
        ValueError: it has not; the message names some that there are.
    """
    known = {layer.name for layer in network.layers}
    for name in names:
        if name not in known:
            raise ValueError(
                f"Expected the recipe's [hints] to name a layer of {network.name} "
                f"({', '.join(_landmarks(network))}, ...). Received: {name!r}"
            )


def _landmarks(network: keras.Model) -> list[str]:
    """The names of a network's own blocks, some of them."""
    plain = (keras.layers.Activation, keras.layers.InputLayer, keras.layers.BatchNormalization)
    names = [layer.name for layer in network.layers if not isinstance(layer, plain)]
    return names[:: max(1, len(names) // 8)]
