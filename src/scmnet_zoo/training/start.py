"""Builds the network of a run, with random weights or from weights for other classes."""

import contextlib
import dataclasses
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from scmnet_zoo.data.labels import LabelSpace, match_classes
from scmnet_zoo.models import factory_of
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.weights.checkpoint import Checkpoint, H5Weights, Weights, is_classifier
from scmnet_zoo.weights.metadata import Metadata, Normalisation
from scmnet_zoo.weights.registry import find_checkpoint

logger: logging.Logger = logging.getLogger(__name__)
checkpoint_logger: logging.Logger = logging.getLogger("scmnet_zoo.weights.checkpoint")

# Arguments of the factories that training sets itself.
NOT_OF_A_RECIPE = {
    "weights",
    "num_classes",
    "input_shape",
    "include_preprocessing",
    "classifier_activation",
    "auxiliary",  # follows from the recipe's loss
    "name",
}
# The values that arguments of the factories allow: as text, and as types.
KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "residual": ("true or false", (bool,)),
    "decoder": ("true or false", (bool,)),
    "dropout": ("a number", (int, float)),
    "output_stride": ("a whole number", (int,)),
    "backbone": ("a string", (str,)),
    "backbone_weights": ("a string", (str,)),
}
START_ONLY = "backbone_weights"  # used for a fresh network only; not stored in files of weights


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Set Keras's global dtype policy inside a `with` block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _quiet_loading() -> Iterator[None]:
    """Silence the log about a fresh classifier, whose rows are matched by name afterwards."""
    level = checkpoint_logger.level
    checkpoint_logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        checkpoint_logger.setLevel(level)


def check_arguments(network: str, recipe: Recipe) -> None:
    """Check that a network takes the arguments and auxiliary heads of a recipe.

    Raises:
        ValueError: it does not; the message lists the arguments.
    """
    parameters = set(inspect.signature(factory_of(network)).parameters)
    taken = sorted(parameters - NOT_OF_A_RECIPE)
    for key, value in recipe.arguments.items():
        if key not in taken:
            raise ValueError(
                f"Expected the recipe's [network] to hold arguments of {network} among "
                f"{', '.join(taken)}. Received: {key}"
            )
        words, types = KINDS.get(key, ("", (type(value),)))
        if type(value) not in types:  # not isinstance: True is an int
            raise ValueError(
                f"Expected the recipe's network.{key} to be {words}. Received: {value!r}"
            )
    if recipe.loss.auxiliary and "auxiliary" not in parameters:
        raise ValueError(
            f"Expected a network with auxiliary heads for loss.auxiliary={recipe.loss.auxiliary}. "
            f"Received: {network}, which has none"
        )


def with_arguments_of(recipe: Recipe, network: str, weights: Weights | None) -> Recipe:
    """A recipe whose network has the arguments that weights were made with, its own before them.

    Raises:
        ValueError: weights that do not exist or do not name their classes.
    """
    checkpoint = find_checkpoint(network, weights, recipe.arguments)
    if checkpoint is None:
        return recipe
    if checkpoint.metadata is None:
        raise ValueError(
            "Expected weights that name their classes: a name that `scmnet-zoo weights` lists, "
            f"or a .safetensors file written by the zoo. Received: weights={checkpoint.title!r}"
        )
    return dataclasses.replace(
        recipe, arguments={**checkpoint.metadata.arguments, **recipe.arguments}
    )


def training_network(
    network: str,
    recipe: Recipe,
    classes: tuple[str, ...],
    weights: Weights | None = None,
) -> keras.Model:
    """A network for training: it gives logits, in the recipe's precision.

    From weights for other classes the classifier's rows of classes of the same name (or a
    synonym, see `match_classes`) are kept; the others start fresh. The log says which.

    Args:
        network: key of the network.
        recipe: its arguments, auxiliary heads and precision.
        classes: names of the classes.
        weights: None for random ones, or what `scmnet_zoo.load` takes.

    Raises:
        ValueError: weights that do not exist or do not fit.
    """
    auxiliary = {"auxiliary": True} if recipe.loss.auxiliary else {}
    arguments = recipe.arguments if weights is None else _lasting_arguments(recipe)
    checkpoint = find_checkpoint(network, weights, recipe.arguments)
    with dtype_policy(recipe.precision), _quiet_loading():
        model = factory_of(network)(
            weights=checkpoint,
            num_classes=len(classes),
            classifier_activation=None,
            **arguments,
            **auxiliary,
        )
    if checkpoint is not None and checkpoint.metadata is not None:
        _match_classifiers(model, checkpoint, classes, checkpoint.metadata.classes)
    return model


def final_network(
    network: str,
    recipe: Recipe,
    classes: tuple[str, ...],
    weights: Weights | None = None,
) -> keras.Model:
    """The like of `training_network` for use: float32, probabilities, no auxiliary heads."""
    with dtype_policy("float32"), _quiet_loading():
        return factory_of(network)(
            weights=weights, num_classes=len(classes), **_lasting_arguments(recipe)
        )


def copy_weights(trained: keras.Model, final: keras.Model) -> None:
    """Copy the weights of a network, which may also have auxiliary heads, to another."""
    values = {v.path: v for v in trained.weights}
    for variable in final.weights:
        variable.assign(keras.ops.convert_to_numpy(values[variable.path].value))


def trained_metadata(
    network: str, recipe: Recipe, space: LabelSpace, model: keras.Model
) -> Metadata:
    """The metadata of a file of the trained weights."""
    return Metadata(
        network=network,
        arguments=_lasting_arguments(recipe),
        classes=space.classes,
        normalisation=normalisation_of(model),
        training_size=recipe.size,
        palette=space.palette,
        categories=tuple(label.category for label in space.labels),
    )


def _lasting_arguments(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.arguments.items() if key != START_ONLY}


def normalisation_of(model: keras.Model) -> Normalisation:
    """The mean and standard deviation that a network of the zoo normalises its input with."""
    layer = model.get_layer("preprocessing")
    return Normalisation(tuple(layer.mean), tuple(layer.std))


def freeze(network: keras.Model, learning: list[bool], frozen: bool) -> None:
    """Freeze or unfreeze all layers but the classifiers; frozen batch norms are in inference mode.

    Args:
        network: the network.
        learning: whether each layer is trainable when nothing is frozen.
        frozen: whether to freeze.
    """
    for layer, learns in zip(network.layers, learning, strict=True):
        layer.trainable = learns and (not frozen or is_classifier(f"{layer.name}/kernel"))


def _match_classifiers(
    model: keras.Model, checkpoint: Checkpoint, classes: tuple[str, ...], given: tuple[str, ...]
) -> None:
    """Assign the classifier rows of classes with the same name, and fresh rows to the others."""
    places = match_classes(classes, given)
    kept = [(new, old) for new, old in enumerate(places) if old is not None]
    fresh = [name for name, old in zip(classes, places, strict=True) if old is None]
    tensors = {} if isinstance(checkpoint.tensors, H5Weights) else checkpoint.tensors
    for variable in model.weights:
        if not is_classifier(variable.path) or variable.path not in tensors:
            continue
        kernel = variable.path.endswith("kernel")
        initial = keras.initializers.GlorotUniform() if kernel else keras.initializers.Zeros()
        array = np.array(keras.ops.convert_to_numpy(initial(variable.shape, "float32")))
        for new, old in kept:
            array[..., new] = tensors[variable.path][..., old]
        variable.assign(array)
    logger.info(
        "from %s; classifier rows kept: %s; fresh: %s",
        checkpoint.source,
        ", ".join(classes[new] for new, _ in kept) or "none",
        ", ".join(fresh) or "none",
    )
