"""Each command reads a file of weights once."""

import contextlib
import dataclasses
import os
import shutil
import sys

import keras
import numpy as np
import pytest
import scenes
import tomli_w
from PIL import Image
from testing_tools import toy
from typer.testing import CliRunner

from scmnet_zoo import FastSCNN, cli, plots
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.data import CAMVID
from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.images import example_photo
from scmnet_zoo.training import LossSettings, Recipe, pictures
from scmnet_zoo.training.recipe import tables_of
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

SMALL = Recipe((36, 48), 2, 1, Augmentation(crop=(32, 32)))
OPENED = []  # files that Python has opened while a test counts
COUNTING = [False]


def _note(event, arguments):
    if event == "open" and COUNTING[0] and isinstance(arguments[0], str | bytes | os.PathLike):
        OPENED.append(os.path.basename(os.fsdecode(arguments[0])))


@pytest.fixture(scope="module", autouse=True)
def _hook():
    sys.addaudithook(_note)


@pytest.fixture(autouse=True)
def small_network():
    """A network of one layer takes Fast-SCNN's place."""

    def make(weights=None, num_classes=None, **arguments):
        arguments.pop("input_shape", None)
        return toy(weights, num_classes, network="fastscnn", **arguments)

    card = dataclasses.replace(NETWORK_CARDS["fastscnn"], factory=make)
    with NETWORK_CARDS.temporarily(card):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run; `mine.safetensors` is one more file of weights."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    metadata = Metadata(
        "fastscnn", {}, CAMVID.classes, Normalisation((128.0,) * 3, (64.0,) * 3), (48, 64)
    )
    model = toy()
    bias = model.get_layer("head_classifier").bias
    bias.assign(np.random.default_rng(0).normal(0, 5, bias.shape))  # classes far apart
    for name in ("best", "last", "mine"):
        write_checkpoint(folder / f"{name}.safetensors", model, metadata)
    (folder / "recipe.toml").write_text(tomli_w.dumps(tables_of(SMALL)))
    (folder / "run.json").write_text(
        '{"network": "fastscnn", "weights": null, "dataset": "camvid", "seed": 0, '
        '"train_splits": ["train"], "sessions": '
        '[{"backend": "jax", "devices": "NVIDIA H100", "keras": "3.15"}]}'
    )
    (folder / "metrics.csv").write_text("epoch,loss\n1,2.0\n")
    Image.new("RGB", (8, 8)).save(folder / "curves.png")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    counts = {"train": 2, "val": 1, "test": 1}
    return scenes.draw(tmp_path_factory.mktemp("data") / "camvid", counts, (360, 480))


@contextlib.contextmanager
def _counting():
    OPENED.clear()
    COUNTING[0] = True
    try:
        yield
    finally:
        COUNTING[0] = False


def _reads(*arguments):
    """How often a command opens each file of weights, its own output and parts aside."""
    with _counting():
        result = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    ours = ("best.safetensors", "last.safetensors", "mine.safetensors", "other.safetensors")
    return {name: OPENED.count(name) for name in ours if name in OPENED}


def test_segment(run, tmp_path):
    photo = example_photo()
    assert _reads("segment", photo, "--weights", run, "--output", tmp_path / "out") == {
        "best.safetensors": 1
    }


def test_evaluate(run, data):
    assert _reads("evaluate", "--weights", run, "--data", data, "--dataset", "camvid") == {
        "best.safetensors": 1
    }


def test_export_with_data(run, data, tmp_path):
    pytest.importorskip("onnxruntime")
    options = ["--weights", run, "--data", data, "--dataset", "camvid"]
    output = tmp_path / "net.onnx"
    assert _reads("export", "--format", "onnx", "--output", output, *options) == {
        "best.safetensors": 1
    }


def test_speed(run):
    assert _reads("speed", "--weights", run, "--runs", 5, "--size", "32x32") == {
        "best.safetensors": 1
    }


def test_train_from_weights_with_a_teacher(run, data, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "write_curves", lambda path, rows: None)
    monkeypatch.setattr(plots, "write_confusion", lambda path, matrix, classes: None)
    taught = dataclasses.replace(SMALL, loss=LossSettings(teachers=1.0))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(tomli_w.dumps(tables_of(taught)))
    options = ["--weights", run, "--teacher", run / "mine.safetensors", "--recipe", recipe]
    options += ["--data", data, "--dataset", "camvid", "--output", tmp_path / "new"]
    assert _reads("train", *options) == {
        "best.safetensors": 1,
        "last.safetensors": 1,  # of the new run
        "mine.safetensors": 1,
    }


def test_average(run, tmp_path):
    shutil.copy(run / "mine.safetensors", tmp_path / "other.safetensors")
    files = [run / "mine.safetensors", tmp_path / "other.safetensors"]
    assert _reads("weights", "average", *files, "--output", tmp_path / "mean.safetensors") == {
        "mine.safetensors": 1,
        "other.safetensors": 1,
    }


def test_publish(run, data, tmp_path):
    options = ["--repo", "someone/roads", "--data", data, "--output", tmp_path / "new", "--dry-run"]
    assert _reads("weights", "publish", run, *options) == {"best.safetensors": 1}
    assert OPENED.count("fastscnn_camvid.safetensors") == 1


def test_a_file_of_another_implementation(run, tmp_path):
    """What was read of a file serves the network, its classes and its hash."""
    from scmnet_zoo.deploy import describe
    from scmnet_zoo.loading import load

    path = tmp_path / "mine.safetensors"
    shutil.copy(run / "mine.safetensors", path)
    with _counting():
        loaded = load(path)
        assert describe("fastscnn", loaded).weights_hash == loaded.source.hash
    assert OPENED.count("mine.safetensors") == 1
    assert loaded.model.name == "toy" != FastSCNN().name
