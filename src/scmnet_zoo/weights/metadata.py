"""Metadata of the zoo's `.safetensors` files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scmnet_zoo.data.labels import Colour, composed, palette_for

METADATA_KEY = "scmnet_zoo"
CLASSIFIER = "head_classifier"


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel, on the scale 0..255; None for no normalisation."""

    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


IMAGENET = Normalisation(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
PLUS_MINUS_ONE = Normalisation(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))


@dataclass(frozen=True)
class Metadata:
    """Metadata of a `.safetensors` file of the zoo.

    Attributes:
        network: key of the network.
        arguments: arguments of the network's factory.
        classes: names of the classes.
        normalisation: normalisation of the images.
        training_size: input size (height, width) in training.
        palette: colour of each class, RGB 0..255; None if the file does not state it.
        categories: category of each class; None if the file does not state it.
    """

    network: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    normalisation: Normalisation
    training_size: tuple[int, int] | None = None
    palette: tuple[Colour, ...] | None = None
    categories: tuple[str, ...] | None = None

    @property
    def colours(self) -> tuple[Colour, ...]:
        """Colours of the classes: the palette, or `palette_for` if the file states none."""
        return palette_for(self.classes) if self.palette is None else self.palette

    def to_json(self) -> str:
        """Return the metadata as JSON. A palette or categories that are None are left out."""
        stated = asdict(self)
        for key in ("palette", "categories"):
            if stated[key] is None:
                del stated[key]
        return json.dumps({"version": 1, **stated})

    @classmethod
    def from_json(cls, text: str, source: str) -> "Metadata":
        """Read the metadata from the JSON of `to_json`.

        Raises:
            ValueError: other content; the message begins with `source`.
        """
        try:
            stored = json.loads(text)
            statistics = stored["normalisation"]
            return cls(
                network=_of(str, stored["network"]),
                arguments=dict(stored["arguments"]),
                classes=tuple(composed(_of(str, name)) for name in stored["classes"]),
                normalisation=Normalisation(
                    _numbers(statistics["mean"], 3), _numbers(statistics["std"], 3)
                ),
                training_size=_size(stored["training_size"]),
                palette=_palette(stored.get("palette")),
                categories=_categories(stored.get("categories")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{source}: its {METADATA_KEY} metadata cannot be read: {error}"
            ) from error

    def check_classes(self, tensors: Mapping[str, np.ndarray], source: str) -> None:
        """Check that class names are unique, and that their number fits classifier and palette.

        Raises:
            ValueError: a check fails; the message begins with `source`.
        """
        names = self.classes
        if len(set(names)) < len(names):
            raise ValueError(
                f"{source}: expected a name of its own for each class. Received: {names}"
            )
        for what, values in (("colour", self.palette), ("category", self.categories)):
            if values is not None and len(values) != len(names):
                raise ValueError(
                    f"{source}: expected a {what} for each of {len(names)} classes. "
                    f"Received: {len(values)}"
                )
        bias = tensors.get(f"{CLASSIFIER}/bias")
        if bias is not None and len(bias) != len(names):
            raise ValueError(
                f"{source}: expected the names of the classifier's {len(bias)} classes. "
                f"Received: {len(names)}"
            )


def _of(kind: type, value: Any) -> Any:
    """Return the value if its type is `kind`, else raise a TypeError."""
    if type(value) is not kind:  # not isinstance: True is an int
        raise TypeError(f"expected {kind.__name__}. Received: {value!r}")
    return value


def _palette(colours: Any) -> tuple[Colour, ...] | None:
    """Return checked colours, RGB 0..255, or None."""
    if colours is None:
        return None
    for colour in colours:
        if len(colour) != 3 or not all(0 <= _of(int, channel) <= 255 for channel in colour):
            raise ValueError(f"expected colours of 0 to 255 a channel. Received: {colour!r}")
    return tuple((red, green, blue) for red, green, blue in colours)


def _categories(names: Any) -> tuple[str, ...] | None:
    """Return checked names, or None."""
    return None if names is None else tuple(composed(_of(str, name)) for name in names)


def _numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """Return `count` checked numbers, or None."""
    if values is None:
        return None
    if len(values) != count or not all(isinstance(value, int | float) for value in values):
        raise ValueError(f"expected {count} numbers. Received: {values!r}")
    return tuple(values)


def _size(sides: Any) -> tuple[int, int] | None:
    """Return a checked (height, width), or None."""
    if sides is None:
        return None
    if len(sides) != 2 or not all(_of(int, side) > 0 for side in sides):
        raise ValueError(f"expected height and width. Received: {sides!r}")
    return (sides[0], sides[1])
