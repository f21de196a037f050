"""What an exported file says of itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from scmnet_zoo._version import __version__
from scmnet_zoo.data.labels import Colour, palette_for
from scmnet_zoo.layers import ImageInput
from scmnet_zoo.loading import Loaded, read_weights
from scmnet_zoo.weights.checkpoint import Weights

KEY = "scmnet_zoo"  # of the metadata in files that hold others too


@dataclass(frozen=True)
class Description:
    """Where a network's weights are from, and what its classes are.

    Attributes:
        network: key of the network; empty if it is not known.
        weights: name or file name of the weights.
        weights_hash: SHA-256 or whatever their publisher states, as `algorithm:digits`.
        classes: names of the classes.
        training_size: (height, width) the network was trained to see.
        palette: a colour for each class, RGB 0..255; empty if the weights do not state it.
        categories: a category for each class; empty if the weights do not state them.
    """

    network: str = ""
    weights: str = ""
    weights_hash: str = ""
    classes: tuple[str, ...] = ()
    training_size: tuple[int, int] | None = None
    palette: tuple[Colour, ...] = ()
    categories: tuple[str, ...] = ()


def describe(network: str, weights: Weights | Loaded | None) -> Description:
    """The description of a network with its weights.

    Args:
        network: key of the network.
        weights: None for random ones, what `scmnet_zoo.load` takes, or what it returned.

    Raises:
        ValueError: there are no such weights.
        OSError: they cannot be downloaded.
    """
    if weights is None:
        return Description(network)
    found = weights if isinstance(weights, Loaded) else read_weights(weights, network)
    source = found.source if isinstance(found, Loaded) else found
    title, metadata = Path(source.title).name, found.metadata
    if metadata is None:
        return Description(network, title, source.hash)
    return Description(
        network,
        title,
        source.hash,
        tuple(metadata.classes),
        metadata.training_size,
        metadata.colours,
        metadata.categories or (),
    )


def file_metadata(
    model: keras.Model,
    description: Description,
    *,
    output: str,
    layout: str,
    precision: str,
    size: tuple[int, int] | None,
    original_size: tuple[int | None, int | None] | None,
) -> dict[str, str]:
    """The metadata of the exported file, as texts; all but plain words are JSON.

    Args:
        model: the network; its classes and normalisation are read off it.
        description: the rest.
        output: what comes out.
        layout: of what comes out, e.g. `"NHWC"`.
        precision: of the computation.
        size: (height, width) the network sees, None where it varies.
        original_size: that of the images, if they are resized inside.
    """
    given = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    outputs = given["main"] if isinstance(given, dict) else given
    count, channels = outputs.shape[-1], model.inputs[0].shape[-1]
    classes = description.classes or tuple(f"class {index}" for index in range(count))
    if len(classes) != count:
        raise ValueError(
            f"Expected the description of a network with {count} classes. "
            f"Received: one with {len(classes)}"
        )
    palette = description.palette or palette_for(classes)
    if len(palette) != count:
        raise ValueError(f"Expected a colour for each of {count} classes. Received: {len(palette)}")
    categories = description.categories or classes
    if len(categories) != count:
        raise ValueError(
            f"Expected a category for each of {count} classes. Received: {len(categories)}"
        )
    inputs: dict[str, Any] = {
        "layout": "NHWC",
        "type": "uint8" if takes_bytes(model) else "float32",
        "colour": "RGB" if channels == 3 else None,
        "channels": channels,
        "network_size": size,
        "image_size": size if original_size is None else original_size,
    }
    return {
        "zoo_version": __version__,
        "network": description.network or model.name,
        "weights": description.weights,
        "weights_hash": description.weights_hash,
        "classes": json.dumps(classes, ensure_ascii=False),
        "palette": json.dumps(palette),
        "categories": json.dumps(categories, ensure_ascii=False),
        "normalisation": json.dumps(normalisation_of(model)),
        "input": json.dumps(inputs),
        "output": json.dumps({"kind": output, "layout": layout}),
        "precision": precision,
    }


def normalisation_of(model: keras.Model) -> dict[str, Any]:
    """Mean and standard deviation, on the scale 0..255, that are taken care of inside."""
    layers = [layer for layer in model.layers if isinstance(layer, ImageInput)]
    if not layers or layers[0].mean is None:
        return {"mean": None, "std": None}
    return {"mean": layers[0].mean, "std": layers[0].std}


def takes_bytes(model: keras.Model) -> bool:
    """Whether a network takes images 0..255; one without pre-processing takes floats."""
    return normalisation_of(model)["mean"] is not None
