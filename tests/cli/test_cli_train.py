"""`scmnet-zoo train`: what it hands to `train`, and how it ends."""

from dataclasses import replace
from pathlib import Path

import pytest
import scenes
import tomli_w
from testing_tools import toy
from typer.testing import CliRunner

from scmnet_zoo import cli, models, plots, training
from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.training import Recipe, pictures, read_recipe, shipped_recipe, start, trainer
from scmnet_zoo.training.recipe import tables_of
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

runner = CliRunner()
KEYS = ", ".join(models.NETWORKS)
SMALL = Recipe((36, 48), 2, 1, Augmentation(crop=(32, 32)))


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps(tables_of(SMALL)))
    return path


@pytest.fixture
def handed(monkeypatch):
    """What `train` is called with, in place of training."""
    calls = []
    monkeypatch.setattr(training, "train", lambda *arguments: calls.append(arguments))
    return calls


def _train(*arguments):
    return runner.invoke(cli.app, ["train", *map(str, arguments)], env={"COLUMNS": "200"})


def _error(result, status=1):
    """The last line of stderr without its prefix; there is no traceback."""
    assert result.exit_code == status
    assert "Traceback" not in result.stderr
    line = result.stderr.splitlines()[-1]
    assert line.startswith("scmnet-zoo: error: ")
    return line.removeprefix("scmnet-zoo: error: ")


def test_defaults(handed):
    result = _train("--data", "somewhere")
    assert result.exit_code == 0, result.stderr
    network, dataset, data, output, recipe, weights, seed, keep, workers, progress, *rest = handed[
        0
    ]
    assert (network, dataset, data) == ("scmnet", "camvid", Path("somewhere"))
    assert rest == [("train",), ()]
    assert output == Path("runs/scmnet_camvid")
    assert recipe == shipped_recipe("scmnet", "camvid")
    assert (weights, seed, keep, workers) == (None, 0, None, None)
    progress(1, 2)


def test_the_dataset_and_the_network_need_not_be_named(handed, tmp_path):
    """A table of classes makes it a folder, and weights say what they are of."""
    (tmp_path / "classes.toml").write_text("")
    run = tmp_path / "run"
    run.mkdir()
    normalisation = Normalisation((128.0,) * 3, (64.0,) * 3)
    metadata = Metadata("fastscnn", {}, ("a", "b"), normalisation, (48, 64))
    write_checkpoint(run / "best.safetensors", toy(num_classes=2), metadata)
    for more, network in (
        ([], "scmnet"),
        (["--weights", run], "fastscnn"),
        (["--weights", run / "best.safetensors"], "fastscnn"),
        (["--weights", "camvid"], "scmnet"),
        (["--weights", run, "--network", "contextnet"], "contextnet"),  # refused when it is read
    ):
        result = _train("--data", tmp_path, *more)
        assert result.exit_code == 0, result.stderr
        assert handed[-1][:2] == (network, "folder")
        assert handed[-1][3] == Path(f"runs/{network}_folder")
        assert handed[-1][4] == shipped_recipe(network, "folder")
    assert _train("--data", tmp_path, "--dataset", "camvid").exit_code == 0
    assert handed[-1][1] == "camvid"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--dataset", "coco"],
            "Expected dataset to be one of camvid, cityscapes, bdd100k, folder. Received: 'coco'",
        ),
        (
            ["--network", "unet"],
            f"Expected network to be one of {KEYS}. Received: 'unet'",
        ),
        (
            ["--network", "unet", "--dataset", "coco"],
            f"Expected network to be one of {KEYS}. Received: 'unet'",
        ),
    ],
)
def test_an_unknown_name_lists_those_there_are(handed, options, message):
    result = _train("--data", "somewhere", *options)
    assert _error(result) == message
    assert result.stderr.splitlines() == [f"scmnet-zoo: error: {message}"]
    assert not handed


def test_no_bar_stays_where_there_is_no_terminal(tmp_path, recipe):
    result = _train("--data", tmp_path / "nowhere", "--recipe", recipe, "--output", tmp_path / "o")
    assert len(result.stderr.splitlines()) == 1
    assert "steps" not in result.stderr


def test_options(handed, recipe):
    result = _train(
        *("--data", "d", "--network", "contextnet", "--dataset", "cityscapes", "--output", "o"),
        *("--recipe", recipe, "--weights", "w.safetensors", "--epochs", 5, "--size", "72x96"),
        *("--batch-size", 3, "--learning-rate", 0.01, "--freeze-epochs", 2, "--seed", 4),
        *("--set", "loss.dice=0.5", "--set", 'optimiser.kind="sgd"'),
        *("--keep", "memory", "--workers", 2, "--train-split", "train", "--train-split", "val"),
        *("--teacher", "a.safetensors", "--teacher", "scmnet/camvid"),
    )
    assert result.exit_code == 0, result.stderr
    network, dataset, data, output, chosen, weights, seed, keep, workers, _, splits, teachers = (
        handed[0]
    )
    assert teachers == ["a.safetensors", "scmnet/camvid"]
    assert splits == ["train", "val"]
    assert (network, dataset, data, output) == ("contextnet", "cityscapes", Path("d"), Path("o"))
    assert (weights, seed, keep, workers) == ("w.safetensors", 4, "memory", 2)
    assert (chosen.size, chosen.augmentation.crop) == ((72, 96), (64, 64))
    assert (chosen.epochs, chosen.batch_size, chosen.freeze_epochs) == (5, 3, 2)
    assert (chosen.optimiser.learning_rate, chosen.optimiser.kind) == (0.01, "sgd")
    assert (chosen.loss.dice, chosen.loss.cross_entropy) == (0.5, 1.0)


def test_options_are_checked_together(handed, tmp_path):
    """Fewer epochs than the recipe freezes, and none frozen."""
    path = tmp_path / "frozen.toml"
    path.write_text(tomli_w.dumps(tables_of(replace(SMALL, epochs=4, freeze_epochs=2))))
    assert "freeze_epochs below" in _error(_train("--data", "d", "--recipe", path, "--epochs", 2))
    result = _train(*("--data", "d", "--recipe", path, "--epochs", 2, "--set", "freeze_epochs=0"))
    assert result.exit_code == 0, result.stderr
    assert (handed[0][4].epochs, handed[0][4].freeze_epochs) == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--recipe", "gone.toml"], "gone.toml. Received: no such file"),
        (["--network", "unet"], "unet"),
        (["--learning-rate", "-1"], "'learning_rate' to be above 0"),
        (["--freeze-epochs", "1000"], "freeze_epochs below"),
        (["--set", "stepz=1"], "unknown key 'stepz'"),
        (["--set", "epochs"], "Expected KEY=VALUE"),
        (["--keep", "disk"], "one of device, memory, files"),
        (["--teacher", "scmnet/camvid"], "1 teachers, loss.teachers=0.0"),
        (["--set", "loss.teachers=1"], "0 teachers, loss.teachers=1"),
        (["--teacher", "a.safetensors", "--set", "loss.teachers=1"], "Received: a.safetensors"),
    ],
)
def test_bad_arguments(tmp_path, arguments, expected):
    data = scenes.draw(tmp_path / "camvid")
    result = _train("--data", data, "--output", tmp_path / "run", *arguments)
    assert expected in _error(result)


@pytest.fixture
def toys(monkeypatch):
    """The toy stands for every network."""
    for module in (start, trainer):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)


def test_two_splits_to_learn_from(tmp_path, recipe, toys, monkeypatch):
    monkeypatch.setattr(pictures, "write_curves", lambda path, rows: None)
    monkeypatch.setattr(plots, "write_confusion", lambda path, matrix, classes: None)
    data = scenes.draw(tmp_path / "camvid", {"train": 3, "val": 2})
    where = ["--data", data, "--output", tmp_path / "run", "--recipe", recipe]
    both = ["--train-split", "train", "--train-split", "val"]
    result = _train(*where, *both)
    assert result.exit_code == 0, result.stderr
    assert "5 frames, 2 for validation" in result.stderr
    assert "its scores say nothing" in result.stderr
    assert "whose train_splits is ['train', 'val'], not ['train']" in _error(_train(*where))
    assert "each once" in _error(_train(*where, "--train-split", "val", "--train-split", "val"))
    assert "gone" in _error(_train(*where, "--train-split", "gone"))


def test_an_interrupt(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    assert _error(_train("--data", "d"), 130) == "interrupted"


def test_a_full_disk(monkeypatch):
    def full(*arguments):
        raise OSError("run/metrics.csv: cannot be written: No space left on device")

    monkeypatch.setattr(training, "train", full)
    message = _error(_train("--data", "d"))
    assert message == "run/metrics.csv: cannot be written: No space left on device"


def test_a_run(tmp_path, recipe, monkeypatch):
    for module in (start, trainer):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)
    data, output = scenes.draw(tmp_path / "camvid"), tmp_path / "run"
    result = _train("--data", data, "--output", output, "--recipe", recipe)
    assert result.exit_code == 0, result.stderr
    assert "6 frames, 2 for validation, 1 epochs" in result.stderr
    assert "epoch 1/1 loss" in result.stderr
    assert read_recipe(output / "recipe.toml") == SMALL
    assert (output / "last.safetensors").is_file()
    again = _train("--data", data, "--output", output, "--recipe", recipe)
    assert again.exit_code == 0
    assert "is complete" in again.stderr
    other = _train("--data", data, "--output", output, "--recipe", recipe, "--seed", 1)
    assert "whose seed is 0, not 1" in _error(other)
