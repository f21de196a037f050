"""The ends of the networks: classifiers, softmax and upsampling, auxiliary heads."""

from typing import Any

import keras

from scmnet_zoo.layers import FastConv2D, ResizeToPartner
from scmnet_zoo.models._blocks import convolution_block

ACTIVATIONS = ("softmax", None)


def classifier(x: Any, classes: int, *, name: str = "head") -> Any:
    """Logits at the size of the map, by a 1x1 convolution `<name>_classifier`."""
    return FastConv2D(classes, 1, data_format="channels_last", name=f"{name}_classifier")(x)


def auxiliary_logits(
    x: Any, classes: int, *, filters: int, dropout: float, name: str, epsilon: float = 1e-3
) -> Any:
    """Logits at the size of the map, from a head for training: Conv 3x3, dropout, Conv 1x1."""
    x = convolution_block(x, filters, kernel_size=3, name=name, epsilon=epsilon)
    x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return classifier(x, classes, name=name)


def probabilities(
    logits: Any,
    image: Any,
    *,
    classifier_activation: str | None,
    interpolation: str,
    name: str = "head",
    upsampled_in: str | None = "float32",
) -> Any:
    """Probabilities, or logits, at the image's size, in float32.

    Softmax commutes with nearest-neighbour upsampling and is then applied to the small map.

    Args:
        logits: `(batch, h, w, classes)`.
        image: `(batch, height, width, channels)`.
        classifier_activation: `"softmax"`, or None for logits.
        interpolation: of the upsampling, as in `ResizeToPartner`.
        name: prefix of the layers' names.
        upsampled_in: the dtype of the upsampling; None for that of the policy.

    Returns:
        `(batch, height, width, classes)`.

    Raises:
        ValueError: an unknown activation.
    """
    if classifier_activation not in ACTIVATIONS:
        raise ValueError(
            f"Expected classifier_activation to be one of {ACTIVATIONS}. "
            f"Received: classifier_activation={classifier_activation!r}"
        )
    activation = keras.layers.Activation(
        classifier_activation or "linear", dtype="float32", name=f"{name}_activation"
    )
    upsample = ResizeToPartner(interpolation, dtype=upsampled_in, name=f"{name}_upsample")
    if interpolation == "nearest":
        return upsample([activation(logits), image])
    return activation(upsample([logits, image]))


def with_auxiliary(
    main: Any,
    auxiliary: dict[str, Any],
    image: Any,
    *,
    classifier_activation: str | None,
    interpolation: str,
) -> Any:
    """The main output; with auxiliary logits a dict of it, `"main"`, and their outputs by name.

    Auxiliary outputs are upsampled in the precision of the policy: only training reads them.
    """
    if not auxiliary:
        return main
    others = {
        name: probabilities(
            logits,
            image,
            classifier_activation=classifier_activation,
            interpolation=interpolation,
            name=name,
            upsampled_in=None,
        )
        for name, logits in auxiliary.items()
    }
    return {"main": main, **others}
