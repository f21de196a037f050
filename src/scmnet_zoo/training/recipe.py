"""Recipes: what a training run does, as a small readable file."""

import dataclasses
import math
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
LEAST_SIDE = 32  # of what a network sees, in pixels
CROP_MULTIPLE = 32  # what the crop's sides are rounded to where the size is changed

# The range of a key's numbers, in words and as a test; that of keys not named here is OTHERS.
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

# What a field's annotation means in a TOML file: in words, and the Python types and their number,
# None for any.
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
TEXTS = (bool, str, tuple[str, ...])  # without a range


@dataclass(frozen=True)
class OptimiserSettings:
    """How the weights are moved.

    Attributes:
        kind: `"adamw"` or `"sgd"` (with Nesterov's momentum off).
        learning_rate: the peak.
        schedule: how it falls to 0 after the warm-up: `"cosine"`, `"polynomial"`, or not at all:
            `"constant"`.
        power: of the polynomial.
        warmup: share of the steps in which it rises from 0.
        momentum: of `"sgd"`.
        weight_decay: decoupled, on convolution kernels only; biases and batch norms are spared.
        clip_norm: largest global norm of the gradient, 0 for no limit.
        ema: momentum of the moving average of the weights, which is what is measured and kept;
            0 for none; see `scmnet_zoo.training.averages`.
        head_factor: learning rate of the classifier, relative to the others'.
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
    """What is minimised: a weighted sum of losses; see `scmnet_zoo.losses`.

    Attributes:
        cross_entropy, ohem, focal, dice, lovasz: weight of each in the sum.
        auxiliary: weight of the same sum over each auxiliary head, 0 to build none.
        class_weights: `"none"`, `"sqrt_median_frequency"` (square root of median over own
            share) or `"log"` (1 / ln(1.10 + share), ENet).
        teachers: weight of the cross-entropy to the mean of teachers' probabilities; see
            `scmnet_zoo.training.teachers`.
        feature_distillation: weight of the distance between the network's features and those of a
            network trained on ImageNet; see `scmnet_zoo.training.feature_distillation`.
        label_smoothing: of the cross-entropy.
        ohem_threshold: probability below which OHEM takes a pixel for hard.
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
    """How teachers see frames before training; see `scmnet_zoo.training.teaching`.

    Attributes:
        scales: enlargements of the frames, over which the probabilities are averaged.
        flip: average over the mirrored frames too.
        temperature: above 1 makes the probabilities more even, below 1 less.
        confidence: least probability at which a pixel without a label takes the teachers' class.
        labelled: share of each batch that is of frames with labels, where there are some.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = True
    temperature: float = 1.0
    confidence: float = 0.5
    labelled: float = 0.25


@dataclass(frozen=True)
class Recipe:
    """Everything a run needs besides the network, the data and the seed.

    Attributes:
        size: (height, width) every frame is brought to before augmentation, in pixels.
        batch_size: frames in a step.
        epochs: passes over the training frames; what does not fill a batch is left out of a pass.
        augmentation: see `Augmentation`.
        optimiser, loss, teaching: see there.
        validations: most validations in a run, spread evenly over its epochs, one more at the end
            of `freeze_epochs`; the state of the run is saved with each.
        freeze_epochs: first epochs, in which only the classifier and the projections of feature
            distillation learn and batch norms are frozen.
        precision: a Keras dtype policy.
        arguments: the network's own arguments, e.g. `residual`.
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

    def __post_init__(self):
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
        """Epochs between two validations."""
        return -(-self.epochs // self.validations)


TABLES = {
    "optimiser": OptimiserSettings,
    "loss": LossSettings,
    "teaching": TeachingSettings,
    "augmentation": Augmentation,
}


def read_recipe(path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        ValueError: no such file, not TOML, or a key that is missing, unknown or of a wrong value;
            the message names the file and the key.
    """
    return recipe_from(read_toml(path), str(path))


def recipe_from(content: dict, source: str) -> Recipe:
    """A recipe from the tables of a TOML file; `source` names it in errors."""
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
    """A recipe as the tables of a TOML file, every value stated; undone by `recipe_from`."""
    tables = _lists(dataclasses.asdict(recipe))
    arguments, features = tables.pop("arguments"), tables.pop("features")
    tables |= {"network": arguments} if arguments else {}
    return tables | ({"features": features} if features else {})


def with_overrides(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A recipe with some values replaced.

    Args:
        recipe: what they replace.
        overrides: each `KEY=VALUE` or `TABLE.KEY=VALUE` as a line of a TOML file, e.g.
            `optimiser.learning_rate=1e-3`.

    Raises:
        ValueError: not of this form, or an unknown key or wrong value.
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
    """A recipe at another frame size; the crop keeps its share of the frame, in steps of 32."""
    crop = (_scaled(recipe, size, 0), _scaled(recipe, size, 1))
    augmentation = dataclasses.replace(recipe.augmentation, crop=crop)
    return dataclasses.replace(recipe, size=size, augmentation=augmentation)


def _scaled(recipe: Recipe, size: tuple[int, int], axis: int) -> int:
    side = recipe.augmentation.crop[axis] * size[axis] / recipe.size[axis]
    return max(CROP_MULTIPLE, round(side / CROP_MULTIPLE) * CROP_MULTIPLE)


def read_toml(path) -> dict[str, Any]:
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
    """That a table holds known keys, all that are required, and values of their types."""
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
    """That the values of a recipe's dataclasses are in their ranges."""
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
