import dataclasses

import pytest
import tomli_w

from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.training.recipe import (
    LossSettings,
    OptimiserSettings,
    Recipe,
    read_recipe,
    recipe_from,
    tables_of,
    with_overrides,
    with_size,
)

# Every value is another one than the default.
GOOD = """\
size = [64, 96]
batch_size = 2
epochs = 4
validations = 3
freeze_epochs = 1
precision = "mixed_bfloat16"

[network]
residual = true
rates = [2, 4]

[optimiser]
kind = "sgd"
learning_rate = 2e-3
schedule = "polynomial"
power = 2
warmup = 0.1
momentum = 0.8
weight_decay = 0.01
clip_norm = 4
ema = 0.9
head_factor = 10

[loss]
cross_entropy = 0.5
ohem = 0.1
focal = 0.2
dice = 0.3
lovasz = 0.4
auxiliary = 0.6
teachers = 0.7
feature_distillation = 0.8
class_weights = "log"
label_smoothing = 0.1
ohem_threshold = 0.5
focal_gamma = 1.5

[augmentation]
crop = [32, 64]
scale = [0.5, 2]
flip = 0.5
brightness = 0.1
contrast = 0.2
saturation = 0.3
tint = 0.4
gamma = 0.6
noise = 4
blur = 0.7
cut = 0.9
mix = 0.8
mix_classes = ["pole", "sign"]

[features]
cmm1 = "block_6"
cmm3 = "last_conv_relu6"
"""
LEAST = "size = [64, 96]\nbatch_size = 2\nepochs = 4\n[augmentation]\ncrop = [32, 64]\n"


def _read(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe(path)


def _error(tmp_path, text):
    """The message of the error; one line that names the file."""
    with pytest.raises(ValueError, match=r"recipe\.toml") as caught:
        _read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _with(key, value):
    """The good recipe with another value of a key."""
    lines = [f"{key} = {value}" if s.startswith(f"{key} ") else s for s in GOOD.split("\n")]
    assert "\n".join(lines) != GOOD
    return "\n".join(lines)


def test_all_is_read(tmp_path):
    recipe = _read(tmp_path, GOOD)
    assert recipe == Recipe(
        size=(64, 96),
        batch_size=2,
        epochs=4,
        validations=3,
        freeze_epochs=1,
        precision="mixed_bfloat16",
        optimiser=OptimiserSettings(
            "sgd", 2e-3, "polynomial", 2, 0.1, 0.8, 0.01, 4, 0.9, head_factor=10
        ),
        loss=LossSettings(0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, "log", 0.1, 0.5, 1.5),
        augmentation=Augmentation(
            (32, 64), (0.5, 2), 0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 4, 0.7, 0.9, 0.8, ("pole", "sign")
        ),
        arguments={"residual": True, "rates": (2, 4)},
        features={"cmm1": "block_6", "cmm3": "last_conv_relu6"},
    )
    least = _read(tmp_path, LEAST)
    for one in (recipe, recipe.optimiser, recipe.loss, recipe.augmentation):
        for field in dataclasses.fields(one):
            if field.default is not dataclasses.MISSING:
                assert getattr(one, field.name) != field.default, field.name
    assert least != recipe


def test_the_defaults(tmp_path):
    assert _read(tmp_path, LEAST) == Recipe((64, 96), 2, 4, Augmentation((32, 64)))
    recipe = _read(tmp_path, LEAST)
    assert (recipe.optimiser, recipe.loss) == (OptimiserSettings(), LossSettings())
    assert (recipe.freeze_epochs, recipe.precision) == (0, "float32")
    assert recipe.arguments == recipe.features == {}


@pytest.mark.parametrize("key", ["size", "batch_size", "epochs", "crop"])
def test_a_missing_key(tmp_path, key):
    lines = [line for line in LEAST.split("\n") if not line.startswith(f"{key} ")]
    assert f"the key '{key}' is missing" in _error(tmp_path, "\n".join(lines))


def test_a_missing_table(tmp_path):
    message = _error(tmp_path, LEAST.split("[augmentation]")[0])
    assert "[augmentation]: the key 'crop' is missing" in message


@pytest.mark.parametrize("key", ["stepz", "arguments", "learning_rate"])
def test_an_unknown_key(tmp_path, key):
    message = _error(tmp_path, f"{key} = 1\n{GOOD}")
    assert f"unknown key '{key}'; expected augmentation, batch_size" in message
    assert "loss, network, optimiser" in message  # the tables too


@pytest.mark.parametrize("table", ["optimiser", "loss", "augmentation"])
def test_an_unknown_key_of_a_table(tmp_path, table):
    message = _error(tmp_path, GOOD.replace(f"[{table}]", f"[{table}]\nmixup = 0.1"))
    assert f"[{table}]: unknown key 'mixup'" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("class_weights", '"median"', "one of none, sqrt_median_frequency, log"),
        ("precision", '"float64"', "one of float32, mixed_bfloat16, mixed_float16"),
        ("kind", '"adam"', "one of adamw, sgd"),
        ("schedule", '"linear"', "one of cosine, polynomial, constant"),
        ("precision", "16", "a string"),
        ("epochs", '"many"', "a whole number"),
        ("epochs", "0", "above 0"),
        ("epochs", "2.5", "a whole number"),
        ("epochs", "true", "a whole number"),
        ("batch_size", "-1", "above 0"),
        ("validations", "0", "above 0"),
        ("freeze_epochs", "-1", "0 or more"),
        ("learning_rate", "[1]", "a number"),
        ("learning_rate", "true", "a number"),
        ("learning_rate", "nan", "above 0"),
        ("learning_rate", "inf", "above 0"),
        ("learning_rate", "0", "above 0"),
        ("weight_decay", "-0.1", "0 or more"),
        ("clip_norm", "-1", "0 or more"),
        ("head_factor", "-1", "0 or more"),
        ("power", "nan", "0 or more"),
        ("warmup", "1.1", "from 0 to 1"),
        ("momentum", "-0.1", "from 0 to 1"),
        ("ema", "2", "from 0 to 1"),
        ("label_smoothing", "1", "from 0 to below 1"),
        ("ohem_threshold", "-1", "from 0 to 1"),
        ("lovasz", "-1", "0 or more"),
        ("auxiliary", "-0.4", "0 or more"),
        ("feature_distillation", "-0.8", "0 or more"),
        ("cmm1", "6", "a string"),
        ("cmm3", '["last_conv_relu6"]', "a string"),
        ("size", "64", "two whole numbers"),
        ("size", "[64]", "two whole numbers"),
        ("size", "[64, 31]", "at least 32"),
        ("crop", "[20, 64]", "at least 32"),
        ("crop", "[32.0, 64.0]", "two whole numbers"),
        ("scale", "[0, 1]", "above 0"),
        ("scale", "[1]", "two numbers"),
        ("flip", '"half"', "a number"),
        ("flip", "1.5", "from 0 to 1"),
        ("blur", "-0.5", "from 0 to 1"),
        ("noise", "-4", "0 or more"),
        ("mix", "1.5", "from 0 to 1"),
        ("mix_classes", '"pole"', "a list of strings"),
        ("mix_classes", "[2, 6]", "a list of strings"),
    ],
)
def test_a_bad_value(tmp_path, key, value, expected):
    message = _error(tmp_path, _with(key, value))
    assert repr(key) in message
    assert expected in message


def test_values_that_contradict_each_other(tmp_path):
    assert "freeze_epochs below epochs=4" in _error(tmp_path, _with("freeze_epochs", "4"))
    weights = "[loss]\ncross_entropy = 0.0\nauxiliary = 1.0\n"
    assert "a weight above 0 among cross_entropy" in _error(tmp_path, LEAST + weights)
    assert "mix_classes for mix=0.8. Received: none" in _error(tmp_path, _with("mix_classes", "[]"))


def test_a_weight_of_feature_distillation_wants_their_table(tmp_path):
    """A table without the weight is of use to whoever sets it."""
    expected = "Expected a table [features] for loss.feature_distillation=0.8. Received: none"
    assert expected in _error(tmp_path, GOOD.split("[features]")[0])
    assert expected in _error(tmp_path, GOOD.split("cmm1")[0])
    recipe = _read(tmp_path, LEAST)
    with pytest.raises(
        ValueError, match=r"table \[features\] for loss\.feature_distillation=4\. Received: none$"
    ):
        with_overrides(recipe, ["loss.hints=4"])
    without = with_overrides(recipe, ['hints.cmm2="block_14"'])
    assert (without.loss.feature_distillation, without.features) == (0, {"cmm2": "block_14"})
    assert recipe_from(tables_of(without), "tables") == without


@pytest.mark.parametrize("key", ["network", "augmentation", "optimiser", "loss", "features"])
def test_a_value_in_the_place_of_a_table(tmp_path, key):
    text = LEAST.split("[augmentation]")[0]
    assert f"expected '{key}' to be a table" in _error(tmp_path, f"{key} = 3\n{text}")


DEEP = b"x = " + b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    "content", [b"epochs =", b"= 3\n", b"\xff\xfe", b"size = 1\nsize = 2", DEEP]
)
def test_not_toml(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.toml: not a TOML file") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.toml. Received: no such file"):
        read_recipe(tmp_path / "nothing.toml")


def test_a_folder(tmp_path):
    with pytest.raises(ValueError, match=rf"{tmp_path.name}: cannot be read"):
        read_recipe(tmp_path)


# Changes.


def test_overrides(tmp_path):
    recipe = with_overrides(
        _read(tmp_path, GOOD),
        [
            "epochs=7",
            "optimiser.learning_rate = 1e-4",
            'loss.class_weights="none"',
            "loss.dice=1",
            "network.residual=false",
            "network.dropout=0.1",
            "augmentation.crop=[32, 32]",
            'hints.cmm2="block_14"',
            'hints.cmm3="block_20"',
        ],
    )
    assert recipe.epochs == 7
    assert (recipe.optimiser.learning_rate, recipe.optimiser.momentum) == (1e-4, 0.8)
    assert (recipe.loss.class_weights, recipe.loss.dice, recipe.loss.focal) == ("none", 1, 0.2)
    assert recipe.arguments == {"residual": False, "rates": (2, 4), "dropout": 0.1}
    assert recipe.augmentation.crop == (32, 32)
    assert recipe.features == {"cmm1": "block_6", "cmm2": "block_14", "cmm3": "block_20"}


def test_overrides_of_a_recipe_without_arguments(tmp_path):
    recipe = with_overrides(_read(tmp_path, LEAST), ["network.residual=true"])
    assert recipe.arguments == {"residual": True}
    assert with_overrides(recipe, []) == recipe


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("epochs", "KEY=VALUE or TABLE.KEY=VALUE.*Received: epochs"),
        ("precision=float32", "strings in quotes.*Received: precision=float32"),
        ("stepz=3", "unknown key 'stepz'"),
        ("optimiser.rate=3", r"\[optimiser\]: unknown key 'rate'"),
        ("loss=3", "expected 'loss' to be a table"),
        ("epochs.many=3", "'epochs' to be a whole number"),
        ("epochs=0", "'epochs' to be above 0"),
        ("hints.cmm1=6", r"\[features\]: expected 'cmm1' to be a string\. Received: 6"),
        ("hints=3", "expected 'features' to be a table"),
    ],
)
def test_a_bad_override(tmp_path, line, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        with_overrides(_read(tmp_path, LEAST), [line])
    assert "\n" not in str(caught.value)


def test_another_size():
    recipe = Recipe((720, 960), 12, 930, Augmentation((512, 640), (0.5, 2.0)))
    small = with_size(recipe, (180, 240))
    assert (small.size, small.augmentation.crop) == ((180, 240), (128, 160))
    assert small.augmentation.scale == (0.5, 2.0)
    assert dataclasses.replace(with_size(small, (720, 960)), size=(720, 960)) == recipe
    assert with_size(recipe, (32, 2000)).augmentation.crop == (32, 1344)


def test_overrides_of_a_recipe_without_features(tmp_path):
    lines = ["loss.hints=4", 'hints.cmm2="block_14"']
    recipe = with_overrides(_read(tmp_path, LEAST), lines)
    assert (recipe.loss.feature_distillation, recipe.features) == (4, {"cmm2": "block_14"})
    assert with_overrides(recipe, []) == recipe


@pytest.mark.parametrize("text", [GOOD, LEAST])
def test_there_and_back(tmp_path, text):
    recipe = _read(tmp_path, text)
    assert ("features" in tables_of(recipe)) == bool(recipe.features)
    assert recipe_from(tables_of(recipe), "tables") == recipe
    assert _read(tmp_path, tomli_w.dumps(tables_of(recipe))) == recipe


@pytest.mark.parametrize(
    ("epochs", "validations", "expected"), [(930, 100, 10), (100, 100, 1), (5, 100, 1), (7, 2, 4)]
)
def test_validate_every(epochs, validations, expected):
    recipe = Recipe((64, 96), 2, epochs, Augmentation((32, 64)), validations=validations)
    assert recipe.validate_every == expected


def test_older_names_of_feature_distillation(tmp_path):
    """`loss.hints` and `[hints]`, as files of older runs have them."""
    older = GOOD.replace("feature_distillation", "hints").replace("[features]", "[hints]")
    assert older.count("hints") == 2
    assert _read(tmp_path, older) == _read(tmp_path, GOOD)
    recipe = with_overrides(_read(tmp_path, GOOD), ["loss.hints=2"])
    assert recipe.loss.feature_distillation == 2
