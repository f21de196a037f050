"""Recipes: what a training run does, as a small readable file."""

import tomllib
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from scmnet_zoo.data.augment import Augmentation

CLASS_WEIGHTS = ("none", "sqrt_median_frequency", "log")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
CHOICES = {"class_weights": CLASS_WEIGHTS, "precision": PRECISIONS}
POSITIVE = ("frame_size", "batch_size", "steps", "learning_rate", "crop", "scale")

# What a field's annotation means in a TOML file: in words, and the Python types and their number.
KINDS: dict[Any, tuple[str, tuple[type, ...], int]] = {
    int: ("a whole number", (int,), 1),
    float: ("a number", (int, float), 1),
    str: ("a string", (str,), 1),
    tuple[int, int]: ("two whole numbers", (int,), 2),
    tuple[float, float]: ("two numbers", (int, float), 2),
}


@dataclass(frozen=True)
class Recipe:
    """Everything a run needs besides the network, the data and the seed.

    Attributes:
        frame_size: (height, width) every frame is brought to before augmentation, in pixels.
        batch_size: frames in a step.
        steps: optimiser steps in the whole run.
        learning_rate: the peak, reached after `warmup_steps`; a cosine brings it to 0.
        warmup_steps: steps of linear warm-up.
        weight_decay: AdamW's, on convolution kernels only.
        clip_norm: largest global norm of the gradient.
        ema: momentum of the moving average of the weights that is kept at the end.
        class_weights: `"none"`, `"sqrt_median_frequency"` (square root of median over own
            share) or `"log"` (1 / ln(1.10 + share), ENet).
        label_smoothing: see `CrossEntropy`.
        precision: a Keras dtype policy.
        augmentation: see `Augmentation`.
        arguments: the network's own arguments, e.g. `residual`.
    """

    frame_size: tuple[int, int]
    batch_size: int
    steps: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    ema: float
    class_weights: str
    label_smoothing: float
    precision: str
    augmentation: Augmentation
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise ValueError(
                    f"Expected {key} to be one of {choices}. Received: {getattr(self, key)!r}"
                )


def read_recipe(path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        ValueError: no such file, not TOML, or a key that is missing, unknown or of a wrong value;
            the message names the file and the key.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"Expected the recipe {path}. Received: no such file") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error
    return recipe_from(content, str(path))


def recipe_from(content: dict, source: str) -> Recipe:
    """A recipe from the tables of a TOML file; `source` names it in errors."""
    content = dict(content)
    arguments = content.pop("network", {})
    augmentation = content.pop("augmentation", {})
    for key, table in (("network", arguments), ("augmentation", augmentation)):
        if not isinstance(table, dict):
            raise ValueError(f"{source}: expected {key!r} to be a table. Received: {table!r}")
    _check_table(content, Recipe, source, {"augmentation", "arguments"})
    _check_table(augmentation, Augmentation, f"{source} [augmentation]", set())
    return Recipe(
        **_tuples(content),
        augmentation=Augmentation(**_tuples(augmentation)),
        arguments=_tuples(arguments),
    )


def shipped_recipe(network: str, dataset: str) -> Recipe:
    """The recipe that made the shipped weights of a network on a dataset.

    Raises:
        ValueError: there is none; the message lists what there is.
    """
    folder = Path(str(resources.files("scmnet_zoo.training"))) / "recipes"
    path = folder / f"{network}_{dataset}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ValueError(
            f"Expected a network and dataset with a recipe ({known}), or a recipe file. "
            f"Received: {network} on {dataset}"
        )
    return read_recipe(path)


def _check_table(table, cls, where, elsewhere):
    known = {field.name: field.type for field in fields(cls) if field.name not in elsewhere}
    required = set(known) if cls is Recipe else {"crop"}
    for key in table:
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}; expected {', '.join(sorted(known))}")
    for key in sorted(required - set(table)):
        raise ValueError(f"{where}: the key {key!r} is missing")
    for key, value in table.items():
        problem = _problem(key, value, known[key])
        if problem is not None:
            raise ValueError(f"{where}: expected {key!r} to be {problem}. Received: {value!r}")


def _problem(key, value, annotation) -> str | None:
    """What a value ought to be and is not."""
    words, types, count = KINDS[annotation]
    values = [value] if count == 1 else value
    if not isinstance(values, list) or len(values) != count:
        return words
    if any(type(one) not in types for one in values):  # not isinstance: True is an int
        return words
    if key in CHOICES and value not in CHOICES[key]:
        return f"one of {', '.join(CHOICES[key])}"
    if annotation is not str and any(
        not (one > 0 if key in POSITIVE else one >= 0) for one in values
    ):
        return f"{words} {'above 0' if key in POSITIVE else 'not below 0'}"
    return None


def _tuples(table):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
