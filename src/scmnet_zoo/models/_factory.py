"""What all network factories share: arguments and weights, the input, the output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from scmnet_zoo.layers import BatchNormalization, Conv2D, ImageInput, ResizeToPartner
from scmnet_zoo.layers.image_input import MINIMUM_SIDE
from scmnet_zoo.weights.checkpoint import Checkpoint, load_checkpoint
from scmnet_zoo.weights.metadata import IMAGENET as IMAGENET
from scmnet_zoo.weights.metadata import PLUS_MINUS_ONE as PLUS_MINUS_ONE
from scmnet_zoo.weights.metadata import Metadata, Normalisation
from scmnet_zoo.weights.registry import find_checkpoint

DEFAULT_CLASSES = 19

ACTIVATIONS = ("softmax", None)


@dataclass(frozen=True)
class Plan:
    """A factory's arguments once those left out are filled in from the weights or the defaults."""

    network: str
    num_classes: int
    arguments: dict[str, Any]
    normalisation: Normalisation
    checkpoint: Checkpoint | None

    def load(self, model: keras.Model, build: Callable[[int], keras.Model]) -> keras.Model:
        """Give the model the weights asked for; `build(classes)` makes its like."""
        if self.checkpoint is not None:
            load_checkpoint(model, self.checkpoint, build)
        return model


def plan(
    network: str,
    weights,
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
    checkpoint = find_checkpoint(network, weights)
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


def image_input(plan: Plan, input_shape, include_preprocessing: bool):
    """The model's input and its checked and, on request, normalised image.

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


def conv_bn(
    x,
    filters,
    kernel_size,
    name,
    strides=1,
    activation="relu",
    use_bias=True,
    padding="same",
    **bn,
):
    """Convolution, batch norm (with `bn`'s momentum and epsilon), activation."""
    x = Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format="channels_last",
        use_bias=use_bias,
        name=f"{name}_conv",
    )(x)
    x = BatchNormalization(name=f"{name}_bn", **bn)(x)
    if activation is None:
        return x
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def classify_auxiliary(x, filters, classes, dropout, name, **bn):
    """Logits at the size of the map, of a head that only training uses."""
    x = conv_bn(x, filters, 3, name, use_bias=False, **bn)
    x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return Conv2D(classes, 1, data_format="channels_last", name=f"{name}_classifier")(x)


def probabilities(
    logits, image, classifier_activation, interpolation, prefix="head", upsampled_in="float32"
):
    """Logits of any size to the output: float32, activated, at the image's size.

    Softmax commutes with nearest-neighbour upsampling and is then applied to the small map.

    Args:
        upsampled_in: the dtype of the upsampling; None for that of the policy.

    Raises:
        ValueError: an unknown activation.
    """
    if classifier_activation not in ACTIVATIONS:
        raise ValueError(
            f"Expected classifier_activation to be one of {ACTIVATIONS}. "
            f"Received: classifier_activation={classifier_activation!r}"
        )
    activation = keras.layers.Activation(
        classifier_activation or "linear", dtype="float32", name=f"{prefix}_activation"
    )
    upsample = ResizeToPartner(interpolation, dtype=upsampled_in, name=f"{prefix}_upsample")
    if interpolation == "nearest":
        return upsample([activation(logits), image])
    return activation(upsample([logits, image]))


def with_auxiliary(main, auxiliary, image, classifier_activation, interpolation):
    """The main output, or where there are auxiliary logits by name a dict of it and theirs."""
    if not auxiliary:
        return main
    others = {  # only training sees them: half precision will do, in which it is faster
        name: probabilities(x, image, classifier_activation, interpolation, name, None)
        for name, x in auxiliary.items()
    }
    return {"main": main, **others}
