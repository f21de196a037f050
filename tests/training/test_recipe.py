import pytest

from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.training.recipe import Recipe, read_recipe, shipped_recipe

GOOD = """\
frame_size = [64, 96]
batch_size = 2
steps = 4
learning_rate = 1e-3
warmup_steps = 1
weight_decay = 0.02
clip_norm = 5
ema = 0.9
class_weights = "log"
label_smoothing = 0.1
precision = "float32"

[network]
residual = true

[augmentation]
crop = [32, 64]
scale = [0.5, 2]
flip = 0.5
"""


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


def test_all_is_read(tmp_path):
    assert _read(tmp_path, GOOD) == Recipe(
        frame_size=(64, 96),
        batch_size=2,
        steps=4,
        learning_rate=1e-3,
        warmup_steps=1,
        weight_decay=0.02,
        clip_norm=5,
        ema=0.9,
        class_weights="log",
        label_smoothing=0.1,
        precision="float32",
        augmentation=Augmentation(crop=(32, 64), scale=(0.5, 2), flip=0.5),
        arguments={"residual": True},
    )


def test_the_network_table_may_be_missing(tmp_path):
    assert _read(tmp_path, GOOD.replace("[network]\nresidual = true\n", "")).arguments == {}


def test_the_shipped_recipe():
    recipe = shipped_recipe("scmnet", "camvid")
    assert recipe.frame_size == (720, 960)
    assert recipe.arguments == {"residual": True}
    assert recipe.warmup_steps < recipe.steps
    assert recipe.augmentation.scale == (0.5, 2.0)
    assert recipe.augmentation.crop == (512, 640)


@pytest.mark.parametrize("pair", [("scmnet", "cityscapes"), ("contextnet", "camvid")])
def test_no_shipped_recipe(pair):
    with pytest.raises(ValueError, match=rf"scmnet_camvid.*Received: {pair[0]} on {pair[1]}"):
        shipped_recipe(*pair)


@pytest.mark.parametrize("key", [line.split(" ")[0] for line in GOOD.split("\n")[:11]])
def test_a_missing_key(tmp_path, key):
    lines = [line for line in GOOD.split("\n") if not line.startswith(f"{key} ")]
    assert f"the key '{key}' is missing" in _error(tmp_path, "\n".join(lines))


def test_the_crop_is_required(tmp_path):
    message = _error(tmp_path, GOOD.replace("crop = [32, 64]", ""))
    assert "[augmentation]: the key 'crop' is missing" in message
    assert "'crop' is missing" in _error(tmp_path, GOOD.split("[augmentation]")[0])


@pytest.mark.parametrize("key", ["stepz", "arguments"])
def test_an_unknown_key(tmp_path, key):
    message = _error(tmp_path, f"{key} = 1\n{GOOD}")
    assert f"unknown key '{key}'" in message
    assert "batch_size" in message


def test_an_unknown_key_of_the_augmentation(tmp_path):
    message = _error(tmp_path, f"{GOOD}mixup = 0.1\n")
    assert "[augmentation]: unknown key 'mixup'" in message
    assert "brightness" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("class_weights", '"median"', "one of none, sqrt_median_frequency, log"),
        ("precision", '"float64"', "one of float32, mixed_bfloat16, mixed_float16"),
        ("precision", "16", "a string"),
        ("steps", '"many"', "a whole number"),
        ("steps", "0", "above 0"),
        ("steps", "2.5", "a whole number"),
        ("steps", "true", "a whole number"),
        ("batch_size", "-1", "above 0"),
        ("learning_rate", "[1]", "a number"),
        ("learning_rate", "nan", "above 0"),
        ("weight_decay", "-0.1", "not below 0"),
        ("frame_size", "64", "two whole numbers"),
        ("frame_size", "[64]", "two whole numbers"),
        ("frame_size", "[64, 0]", "above 0"),
        ("crop", "[32.0, 64.0]", "two whole numbers"),
        ("scale", "[0, 1]", "above 0"),
        ("flip", '"half"', "a number"),
    ],
)
def test_a_bad_value(tmp_path, key, value, expected):
    lines = [f"{key} = {value}" if s.startswith(f"{key} ") else s for s in GOOD.split("\n")]
    assert f"{key} = {value}" in lines
    message = _error(tmp_path, "\n".join(lines))
    assert repr(key) in message
    assert expected in message


@pytest.mark.parametrize("key", ["network", "augmentation"])
def test_a_value_in_the_place_of_a_table(tmp_path, key):
    text = GOOD.split("[network]")[0]
    assert f"expected '{key}' to be a table" in _error(tmp_path, f"{key} = 3\n{text}")


@pytest.mark.parametrize("content", [b"steps =", b"= 3\n", b"\xff\xfe", b"steps = 1\nsteps = 2"])
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
