"""Recipes: the settings of a training run, as a TOML file."""

import dataclasses
import math
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from scmnet_zoo.data.augment import Augmentation

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "polynomial", "constant")
CLASS_WEIGHTS = ("none", "sqrt_median_frequency", "log")
CHOICES = {
    "precision": PRECISIONS,
    "kind": OPTIMISERS,
    "schedule": SCHEDULES,
    "class_weights": CLASS_WEIGHTS,
}
LEAST_SIDE = 32  # minimum side of frames and crops, in pixels
CROP_MULTIPLE = 32  # sides of the crop are rounded to it when the size changes

# The range of each key's numbers, as text and as a test; OTHERS for all other keys.
Range = tuple[str, Callable[[float], bool]]
ABOVE_0: Range = ("above 0", lambda number: number > 0)
SHARE: Range = ("from 0 to 1", lambda number: 0 <= number <= 1)
SIDE: Range = (f"at least {LEAST_SIDE}", lambda number: number >= LEAST_SIDE)
RANGES: dict[str, Range] = {
    **dict.fromkeys(("batch_size", "epochs", "validations", "learning_rate", "scale"), ABOVE_0),
    **dict.fromkeys(("scales", "temperature"), ABOVE_0),
    **dict.fromkeys(("confidence", "labelled"), SHARE),
    **dict.fromkeys(("warmup", "momentum", "ema", "flip", "blur", "cut", "mix"), SHARE),
    "ohem_threshold": SHARE,
    "label_smoothing": ("from 0 to below 1", lambda number: 0 <= number < 1),
    "size": SIDE,
    "crop": SIDE,
}
OTHERS: Range = ("0 or more", lambda number: number >= 0)

# The TOML values that a field's annotation allows: as text, as Python types, and their number
# (None for any).
KINDS: dict[Any, tuple[str, tuple[type, ...], int | None]] = {
    int: ("a whole number", (int,), 1),
    float: ("a number", (int, float), 1),
    bool: ("true or false", (bool,), 1),
    str: ("a string", (str,), 1),
    tuple[int, int]: ("two whole numbers", (int,), 2),
    tuple[float, float]: ("two numbers", (int, float), 2),
    tuple[float, ...]: ("a list of numbers", (int, float), None),
    tuple[str, ...]: ("a list of strings", (str,), None),
}
TEXTS = (bool, str, tuple[str, ...])  # types without a range


@dataclass(frozen=True)
class OptimiserSettings:
    """Settings of the optimiser.

    Attributes:
        kind: `"adamw"` or `"sgd"` (with Nesterov's momentum off).
        learning_rate: peak learning rate.
        schedule: decay to 0 after the warm-up, `"cosine"` or `"polynomial"`; or `"constant"`.
        power: exponent of the polynomial decay.
        warmup: share of the steps with linear warm-up from 0.
        momentum: momentum of `"sgd"`.
        weight_decay: decoupled weight decay, on convolution kernels only.
        clip_norm: maximum global gradient norm, 0 for no limit.
        ema: momentum of the moving average of the weights, which is validated and saved; 0 for
            none; see `scmnet_zoo.training.averages`.
        head_factor: learning rate of the classifier relative to the rest.
    """

    kind: str = "adamw"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    power: float = 0.9
    warmup: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 0.02
    clip_norm: float = 5.0
    ema: float = 0.999
    head_factor: float = 1.0


@dataclass(frozen=True)
class LossSettings:
    """Settings of the loss, a weighted sum; see `scmnet_zoo.losses`.

    Attributes:
        cross_entropy, ohem, focal, dice, lovasz: weight of each loss in the sum.
        auxiliary: weight of the same sum on each auxiliary output, 0 to build none.
        class_weights: `"none"`, `"sqrt_median_frequency"` (square root of the median share over
            the class's share) or `"log"` (1 / ln(1.10 + share), as in ENet).
        teachers: weight of the cross-entropy to the mean of teachers' probabilities; see
            `scmnet_zoo.training.teachers`.
        feature_distillation: weight of the distance between the network's features and those of a
            network trained on ImageNet; see `scmnet_zoo.training.feature_distillation`.
        label_smoothing: label smoothing of the cross-entropy.
        ohem_threshold: probability below which a pixel is hard for OHEM.
        focal_gamma: exponent of the focal loss.
    """

    cross_entropy: float = 1.0
    ohem: float = 0.0
    focal: float = 0.0
    dice: float = 0.0
    lovasz: float = 0.0
    auxiliary: float = 0.0
    teachers: float = 0.0
    feature_distillation: float = 0.0
    class_weights: str = "none"
    label_smoothing: float = 0.0
    ohem_threshold: float = 0.7
    focal_gamma: float = 2.0


@dataclass(frozen=True)
class TeachingSettings:
    """Settings of the teachers' predictions before training; see `scmnet_zoo.training.teaching`.

    Attributes:
        scales: scales of the frames; the probabilities are averaged over them.
        flip: also average over mirrored frames.
        temperature: values above 1 make the probabilities more uniform.
        confidence: minimum probability at which a pixel without label takes the teachers' class.
        labelled: share of frames with labels in each batch, if there are any.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = True
    temperature: float = 1.0
    confidence: float = 0.5
    labelled: float = 0.25


@dataclass(frozen=True)
class Recipe:
    """The settings of a run, besides network, data and seed.

    Attributes:
        size: (height, width) of the frames before augmentation, in pixels.
        batch_size: frames per step.
        epochs: passes over the training frames; an incomplete last batch is dropped.
        augmentation: see `Augmentation`.
        optimiser, loss, teaching: see `OptimiserSettings`, `LossSettings`, `TeachingSettings`.
        validations: maximum number of validations, evenly spaced over the epochs, plus one after
            `freeze_epochs`; each also saves the state of the run.
        freeze_epochs: first epochs, in which only the classifier and the projections of feature
            distillation learn and batch norms are frozen.
        precision: a Keras dtype policy.
        arguments: arguments of the network's factory, e.g. `residual`.
        features: name of a layer of the network -> name of the layer of EfficientNet-Lite2 whose
            features it is trained towards; used where `loss.feature_distillation` is above 0.
    """

    size: tuple[int, int]
    batch_size: int
    epochs: int
    augmentation: Augmentation
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    teaching: TeachingSettings = field(default_factory=TeachingSettings)
    validations: int = 100
    freeze_epochs: int = 0
    precision: str = "float32"
    arguments: dict[str, Any] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_values(self, "recipe")
        if self.freeze_epochs >= self.epochs:
            raise ValueError(
                f"Expected freeze_epochs below epochs={self.epochs}. "
                f"Received: freeze_epochs={self.freeze_epochs}"
            )
        if self.loss.feature_distillation and not self.features:
            raise ValueError(
                "Expected a table [features] for "
                f"loss.feature_distillation={self.loss.feature_distillation}. Received: none"
            )
        names = ("cross_entropy", "ohem", "focal", "dice", "lovasz")
        if not any(getattr(self.loss, name) for name in names):
            raise ValueError(f"Expected a weight above 0 among {', '.join(names)}. Received: none")
        if self.augmentation.mix and not self.augmentation.mix_classes:
            raise ValueError(
                f"Expected mix_classes for mix={self.augmentation.mix}. Received: none"
            )

    @property
    def validate_every(self) -> int:
        """Number of epochs between validations."""
        return -(-self.epochs // self.validations)


TABLES = {
    "optimiser": OptimiserSettings,
    "loss": LossSettings,
    "teaching": TeachingSettings,
    "augmentation": Augmentation,
}


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        ValueError: the file does not exist or is not TOML, or a key is missing, unknown or has an
            invalid value; the message names file and key.
    """
    return recipe_from(read_toml(path), str(path))


def recipe_from(content: dict[str, Any], source: str) -> Recipe:
    """A recipe from the tables of a TOML file; `source` names the file in errors."""
    content = _with_new_names(content)
    tables = {name: content.pop(name, {}) for name in ("network", "features", *TABLES)}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{source}: expected {name!r} to be a table. Received: {table!r}")
    arguments, features = tables.pop("network"), tables.pop("features")
    _check_keys(content, Recipe, source, {"arguments", "features", *TABLES})
    for key, value in features.items():
        if not isinstance(value, str):
            raise ValueError(
                f"{source} [features]: expected {key!r} to be a string. Received: {value!r}"
            )
    for name, cls in TABLES.items():
        _check_keys(tables[name], cls, f"{source} [{name}]", set())
    try:
        return Recipe(
            **_tuples(content),
            **{name: cls(**_tuples(tables[name])) for name, cls in TABLES.items()},
            arguments=_tuples(arguments),
            features=features,
        )
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _with_new_names(tables: dict[str, Any]) -> dict[str, Any]:
    """Tables of a recipe with `loss.hints` and `[hints]`, the names of older files, renamed."""
    tables = {"features" if key == "hints" else key: value for key, value in tables.items()}
    if isinstance(tables.get("loss"), dict) and "hints" in tables["loss"]:
        loss = dict(tables["loss"])
        tables["loss"] = {"feature_distillation": loss.pop("hints"), **loss}
    return tables


def tables_of(recipe: Recipe) -> dict[str, Any]:
    """All values of a recipe as tables of a TOML file; the inverse of `recipe_from`."""
    tables = _lists(dataclasses.asdict(recipe))
    arguments, features = tables.pop("arguments"), tables.pop("features")
    tables |= {"network": arguments} if arguments else {}
    return tables | ({"features": features} if features else {})


def with_overrides(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A recipe with some values replaced.

    Args:
        recipe: the recipe.
        overrides: each `KEY=VALUE` or `TABLE.KEY=VALUE` as a line of a TOML file, e.g.
            `optimiser.learning_rate=1e-3`.

    Raises:
        ValueError: a line has another form, an unknown key or an invalid value.
    """
    tables = tables_of(recipe)
    for line in overrides:
        try:
            change = _with_new_names(tomllib.loads(line))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(
                "Expected KEY=VALUE or TABLE.KEY=VALUE, the value as in a recipe (strings in "
                f"quotes). Received: {line}"
            ) from error
        for key, value in change.items():
            if isinstance(value, dict) and isinstance(tables.get(key, {}), dict):
                tables[key] = {**tables.get(key, {}), **value}
            else:
                tables[key] = value
    return recipe_from(tables, "recipe with overrides")


def with_size(recipe: Recipe, size: tuple[int, int]) -> Recipe:
    """A recipe with another frame size; the crop keeps its share of it, in steps of 32 pixels."""
    crop = (_scaled(recipe, size, 0), _scaled(recipe, size, 1))
    augmentation = dataclasses.replace(recipe.augmentation, crop=crop)
    return dataclasses.replace(recipe, size=size, augmentation=augmentation)


def _scaled(recipe: Recipe, size: tuple[int, int], axis: int) -> int:
    side = recipe.augmentation.crop[axis] * size[axis] / recipe.size[axis]
    return max(CROP_MULTIPLE, round(side / CROP_MULTIPLE) * CROP_MULTIPLE)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ValueError: no such file, or it cannot be read as TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"Expected the recipe {path}. Received: no such file") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error


def _check_keys(table, cls, where, elsewhere):
    """Check that a table has only known keys, all required ones, and values of their types."""
    known = {one.name: one for one in fields(cls) if one.name not in elsewhere}
    expected = {*known, *("network" if name == "arguments" else name for name in elsewhere)}
    missing = (dataclasses.MISSING, dataclasses.MISSING)
    required = {key for key, one in known.items() if (one.default, one.default_factory) == missing}
    for key in table:
        if key not in known:
            raise ValueError(
                f"{where}: unknown key {key!r}; expected {', '.join(sorted(expected))}"
            )
    for key in sorted(required - set(table)):
        raise ValueError(f"{where}: the key {key!r} is missing")
    for key, value in table.items():
        words, types, count = KINDS[known[key].type]
        values = [value] if count == 1 else value
        if not isinstance(values, list | tuple) or len(values) != (count or len(values)):
            raise ValueError(f"{where}: expected {key!r} to be {words}. Received: {value!r}")
        if any(type(one) not in types for one in values):  # not isinstance: True is an int
            raise ValueError(f"{where}: expected {key!r} to be {words}. Received: {value!r}")


def _check_values(settings, where):
    """Check that the values of a recipe are in their ranges."""
    for one in fields(settings):
        value = getattr(settings, one.name)
        if dataclasses.is_dataclass(value):
            _check_values(value, one.name)
        elif one.name in CHOICES:
            if value not in CHOICES[one.name]:
                raise ValueError(
                    f"Expected {where} {one.name!r} to be one of {', '.join(CHOICES[one.name])}. "
                    f"Received: {value!r}"
                )
        elif one.type in KINDS and one.type not in TEXTS:
            numbers = value if isinstance(value, tuple) else (value,)
            limit, test = RANGES.get(one.name, OTHERS)
            if not all(test(number) and math.isfinite(number) for number in numbers):
                raise ValueError(
                    f"Expected {where} {one.name!r} to be {limit}. Received: {value!r}"
                )


def _tuples(table):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _lists(table):
    return {
        key: list(value)
        if isinstance(value, tuple)
        else _lists(value)
        if isinstance(value, dict)
        else value
        for key, value in table.items()
    }
