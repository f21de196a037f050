"""What all network factories share: checks of arguments, weights, the input layer."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from scmnet_zoo.layers import ImageInput
from scmnet_zoo.layers.image_input import MINIMUM_SIDE
from scmnet_zoo.weights.checkpoint import Checkpoint, load_checkpoint
from scmnet_zoo.weights.metadata import IMAGENET as IMAGENET
from scmnet_zoo.weights.metadata import PLUS_MINUS_ONE as PLUS_MINUS_ONE
from scmnet_zoo.weights.metadata import Metadata, Normalisation
from scmnet_zoo.weights.registry import find_checkpoint

# Types in the signatures of the factories.
Weights: TypeAlias = str | os.PathLike[str] | None
InputShape: TypeAlias = tuple[int | None, int | None, int]

DEFAULT_CLASSES = 19


@dataclass(frozen=True)
class Plan:
    """A factory's arguments, completed from the weights and the defaults.

    Attributes:
        network: key of the network.
        num_classes: number of classes.
        arguments: the network's own arguments by name.
        normalisation: mean and standard deviation of the image, on the scale 0..255.
        checkpoint: the weights, None for random ones.
    """

    network: str
    num_classes: int
    arguments: dict[str, Any]
    normalisation: Normalisation
    checkpoint: Checkpoint | None

    def load(self, model: keras.Model, build: Callable[[int], keras.Model]) -> keras.Model:
        """Load the weights, if any, into the model and return it.

        Args:
            model: what the factory built.
            build: makes the same network with another number of classes.
        """
        if self.checkpoint is not None:
            load_checkpoint(model, self.checkpoint, build)
        return model


def plan(
    network: str,
    weights: Weights,
    num_classes: int | None,
    normalisation: Normalisation,
    given: dict[str, Any],
    defaults: dict[str, Any],
) -> Plan:
    """Check and complete a factory's arguments.

    Args:
        network: key of the network, e.g. `"scmnet"`.
        weights: None, a name from the manifest, or a path.
        num_classes: None for that of the weights, else 19.
        normalisation: the network's own, used where the weights bring none.
        given: the network's own arguments as passed, None where left out.
        defaults: their values where neither caller nor weights say otherwise; a function makes
            its value from the arguments before it.

    Raises:
        ValueError: weights that are not there or of another network, an argument that
            contradicts them, or fewer than two classes.
    """
    if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
        raise ValueError(
            "Expected num_classes to be an integer of at least 2. "
            f"Received: num_classes={num_classes!r}"
        )
    checkpoint = find_checkpoint(network, weights, given)
    arguments = _complete(given, defaults)
    classes = DEFAULT_CLASSES
    if checkpoint is not None:
        classes = checkpoint.num_classes or num_classes or DEFAULT_CLASSES
        if checkpoint.metadata is not None:
            arguments = _agree(given, defaults, checkpoint.metadata, checkpoint.source)
        normalisation = checkpoint.normalisation or normalisation
    classes = classes if num_classes is None else num_classes
    if classes < 2:
        raise ValueError(
            "Expected num_classes to be at least 2: softmax over one class is 1 everywhere; take "
            f"two for one object, background and the object. Received: num_classes={classes}"
        )
    return Plan(
        network=network,
        num_classes=classes,
        arguments=arguments,
        normalisation=normalisation,
        checkpoint=checkpoint,
    )


def _complete(known: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """All arguments: those known, and in the place of None or nothing the default."""
    arguments: dict[str, Any] = {}
    for key, default in defaults.items():
        value = known.get(key)
        if value is None:
            value = default(arguments) if callable(default) else default
        arguments[key] = value
    return arguments


def _agree(given, defaults, metadata: Metadata, source: str) -> dict[str, Any]:
    """The network's own arguments: the caller's, which must not contradict the weights'."""
    unknown = sorted(set(metadata.arguments) - set(defaults))
    if unknown:
        raise ValueError(
            f"Expected weights with arguments among {sorted(defaults)}. "
            f"Received: {source}, which was made with {', '.join(unknown)}"
        )
    stored = _complete(metadata.arguments, defaults)
    for key, value in given.items():
        if value is not None and _plain(value) != _plain(stored[key]):
            raise ValueError(
                f"Expected {key}={_plain(stored[key])!r}, as the weights in {source} "
                f"were trained. Received: {key}={value!r}"
            )
    return stored


def _plain(value):
    """Tuples as lists, so that an argument compares equal to what JSON makes of it."""
    return list(value) if isinstance(value, tuple) else value


def image_input(
    plan: Plan, input_shape: InputShape, include_preprocessing: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The model's input, and the image after the layer that checks and may normalise it.

    Raises:
        ValueError: not three numbers, a side below 32, or a number of channels that the weights
            or the pre-processing do not fit.
    """
    shape = tuple(input_shape) if isinstance(input_shape, list | tuple) else ()
    if len(shape) != 3 or not isinstance(shape[2], int) or shape[2] < 1:
        raise ValueError(
            "Expected input_shape to be (height, width, channels), height and width None where "
            f"they vary. Received: input_shape={input_shape}"
        )
    if any(side is not None and side < MINIMUM_SIDE for side in shape[:2]):
        raise ValueError(
            f"Expected input_shape with sides of at least {MINIMUM_SIDE}. "
            f"Received: input_shape={input_shape}"
        )
    if shape[2] != 3 and plan.checkpoint is not None:
        raise ValueError(
            "Expected 3 channels (RGB) with trained weights. "
            f"Received: input_shape={input_shape}, weights from {plan.checkpoint.source}"
        )
    if shape[2] != 3 and include_preprocessing:
        raise ValueError(
            "Expected 3 channels (RGB) with include_preprocessing=True; pass "
            "include_preprocessing=False and normalise the image yourself. "
            f"Received: input_shape={input_shape}"
        )
    inputs = keras.Input(shape, name="image")
    statistics = plan.normalisation if include_preprocessing else Normalisation(None, None)
    return inputs, ImageInput(statistics.mean, statistics.std, name="preprocessing")(inputs)
