"""The command line: what it prints and writes, its errors; with a network of one layer."""

import csv
import json
import signal
import sys

import keras
import numpy as np
import pytest
import scenes
from PIL import Image
from typer.testing import CliRunner

from scmnet_zoo import cli
from scmnet_zoo.data import CAMVID, CITYSCAPES
from scmnet_zoo.evaluation import Export, loading
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

runner = CliRunner()


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    """The command makes this network, whatever it is asked for; the weights say its classes."""
    monkeypatch.setattr("scmnet_zoo.loading.factory_of", lambda name: _network)


def _network(weights, num_classes):
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Conv2D(num_classes, 1, activation="softmax")(inputs)
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camvid") / "camvid"
    return scenes.draw(folder, {"train": 1, "test": 2}, (720, 960))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in a folder whose name looks like Rich's markup."""
    folder = tmp_path_factory.mktemp("weights") / "[" / "bold]"
    folder.mkdir(parents=True)
    return _write(folder / "random.safetensors", CAMVID.classes)


def _write(path, classes):
    metadata = Metadata(
        "scmnet", {}, tuple(classes), Normalisation((0.0,) * 3, (1.0,) * 3), (64, 96)
    )
    write_checkpoint(path, _network(None, len(classes)), metadata)
    return path


def _run(*options):
    return runner.invoke(cli.app, ["evaluate", *map(str, options)], env={"COLUMNS": "200"})


def test_command(data, weights):
    result = _run("--weights", weights, "--data", data)
    assert result.exit_code == 0, result.stderr
    for name in (*CAMVID.classes, *CAMVID.categories, "mean of classes", "mean of categories"):
        assert name in result.stdout
    assert "nIoU" not in result.stdout
    assert "protocol A" in " ".join(result.stdout.split())
    assert "network input 64x84" in result.stdout  # trained at 64x96, the frames are of 4:3
    assert "[/bold]" in "".join(result.stdout.split())  # the title may be broken anywhere


def test_the_dataset_and_the_network_need_not_be_named(tmp_path, weights):
    own = scenes.draw_folder(tmp_path / "own", counts={"test": 1}, size=(64, 96))
    names = loading.open_dataset("folder", own, "test").space.classes
    run = tmp_path / "run"
    run.mkdir()
    _write(run / "best.safetensors", names)
    result = _run("--weights", run, "--data", own, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    stored = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {"scmnet", "folder"} <= set(map(str, _leaves(stored)))
    result = _run("--weights", run, "--data", own, "--dataset", "camvid")
    assert result.exit_code == 1


def _leaves(stored):
    for value in stored.values():
        yield from _leaves(value) if isinstance(value, dict) else [value]


def test_exported_at_the_size_of_the_image(data, weights, tmp_path):
    """Protocol A compares at 480x360; the second image is no larger."""
    result = _run("--weights", weights, "--data", data, "--export-predictions", tmp_path)
    assert result.exit_code == 0, result.stderr
    sizes = {path.name: Image.open(path).size for path in tmp_path.iterdir()}
    assert sizes == {"test_000.png": (960, 720), "test_001.png": (480, 360)}


def test_ways_of_asking(data, weights):
    options = ["--flip", "--scales", "1,1.5", "--scales", "0.5", "--window", "48x64"]
    result = _run("--weights", weights, "--data", data, "--size", "48x80", *options)
    assert result.exit_code == 0, result.stderr
    assert "network input 48x80; scales 1, 1.5, 0.5; flipped; windows of 48x64." in result.stdout


def test_classes_that_the_weights_do_not_know(data, tmp_path):
    weights = _write(tmp_path / "few.safetensors", ("car", "road", "cat"))
    result = _run("--weights", weights, "--data", data)
    assert result.exit_code == 0, result.stderr
    assert "Left out, as the weights lack them: sky, building, pole," in result.stdout
    lines = [line for line in result.stdout.splitlines() if "sky" in line and "│" in line]
    assert all("-" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--scales", "1,x"], 2, "Received: 1,x"),
        (["--window", "64"], 2, "Received: 64"),
        (["--size", "10x64"], 1, "each of 32 to 65536 pixels. Received: size=(10, 64)"),
        (["--scales", "0"], 1, "Expected scales above 0"),
        (["--window", "16x64"], 1, "at least 32 pixels. Received: (16, 64)"),
        (["--protocol", "full"], 1, "one of A, B for camvid. Received: 'full'"),
    ],
)
def test_wrong_options(data, weights, options, status, message):
    result = _run("--weights", weights, "--data", data, *options)
    assert result.exit_code == status
    assert message in " ".join(result.stderr.replace("│", " ").split())
    if status == 1:
        (line,) = result.stderr.splitlines()
        assert line.startswith("scmnet-zoo: error: ")


@pytest.mark.parametrize("option", ["--output", "--export-predictions"])
def test_a_file_where_a_folder_should_be(data, weights, tmp_path, option):
    (tmp_path / "file").write_text("")
    result = _run("--weights", weights, "--data", data, option, tmp_path / "file")
    assert result.exit_code == 1
    assert "expected a folder for results. Received: a file" in result.stderr


def test_a_damaged_frame_leaves_nothing(weights, tmp_path):
    data = scenes.draw(tmp_path / "camvid", {"train": 1, "test": 2}, (720, 960))
    (data / "labels" / "test_001.png").write_bytes(b"\x89PNG")
    folders = ["--output", tmp_path / "scores", "--export-predictions", tmp_path / "predictions"]
    result = _run("--weights", weights, "--data", data, *folders)
    assert result.exit_code == 1
    assert "test_001.png" in result.stderr
    assert not list((tmp_path / "scores").iterdir())
    assert not list((tmp_path / "predictions").iterdir())


def test_ended_by_sigterm_it_leaves_nothing(data, weights, tmp_path, monkeypatch):
    add = Export.add

    def ended(export, sample, prediction):
        add(export, sample, prediction)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Export, "add", ended)
    result = _run("--weights", weights, "--data", data, "--export-predictions", tmp_path)
    assert result.exit_code == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_imported_only_for_the_picture(data, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "scmnet_zoo.plots", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert _run("--weights", weights, "--data", data).exit_code == 0
    assert _run("--help").exit_code == 0


@pytest.fixture(scope="module")
def cityscapes(tmp_path_factory):
    """Drawn frames, and weights with the 19 classes."""
    folder = tmp_path_factory.mktemp("cityscapes")
    weights = _write(folder / "random.safetensors", CITYSCAPES.classes)
    return [
        "--dataset",
        "cityscapes",
        "--data",
        scenes.draw_cityscapes(folder / "data"),
        "--weights",
        weights,
    ]


def test_files(cityscapes, tmp_path):
    """Names, sizes and ids of the export; the table, the numbers and the picture."""
    folders = ["--output", tmp_path, "--export-predictions", tmp_path]
    result = _run(*cityscapes, "--split", "val", *folders)
    assert result.exit_code == 0, result.stderr
    predictions = [f"{n}_leftImg8bit.png" for n in scenes.cityscapes_names("val", 3)]
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == sorted([*predictions, "scores.csv", "scores.json", "confusion_matrix.png"])
    for name in predictions:
        image = Image.open(tmp_path / name)
        assert image.mode == "L"
        assert image.size == scenes.STREET_SIZE[::-1]
        assert set(np.unique(image)) <= set(scenes.STREET_IDS)
    numbers = json.loads((tmp_path / "scores.json").read_text())
    assert numbers["network"] == "scmnet"
    assert numbers["protocol"] == "full"
    assert numbers["frames"] == 3
    assert np.sum(numbers["confusion_matrix"]) > 0
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows[:19]] == list(CITYSCAPES.classes)
    for row in rows[:19]:
        expected = numbers["classes"][row["name"]]
        for key in ("iou", "niou"):
            assert (float(row[key]) if row[key] else None) == expected[key]
    means = [float(rows[place][key]) for place in (19, 27) for key in ("iou", "niou")]
    assert means == [numbers[k] for k in ("miou", "niou", "category_miou", "category_niou")]
    assert Image.open(tmp_path / "confusion_matrix.png").size[0] > 400


def test_the_test_split_has_no_labels(cityscapes, tmp_path):
    folders = ["--output", tmp_path, "--export-predictions", tmp_path]
    result = _run(*cityscapes, *folders)
    assert result.exit_code == 0, result.stderr
    (path,) = tmp_path.iterdir()
    assert path.name == "berlin_000000_000019_leftImg8bit.png"
    assert "all labels of cityscapes test are void" in result.stdout
    result = _run(*cityscapes)
    assert result.exit_code == 1
    assert "all labels of cityscapes test are void" in result.stderr


def test_a_score_over_one_class_is_warned_of(tmp_path, weights):
    root = scenes.draw(tmp_path / "camvid", {"test": 1}, (360, 480))
    Image.fromarray(np.full((360, 480), 3, np.uint8)).save(root / "labels/test_000.png")
    result = _run("--weights", weights, "--data", root, "--output", tmp_path / "scores")
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stdout.split())
    assert "Warning: " in said
    assert "Received: 'road' alone, no pixel of: sky (index 0), building" in said
    (line,) = json.loads((tmp_path / "scores/scores.json").read_text())["warnings"]
    assert "'road' alone" in line


def test_stated_takes_no_option_of_one_measurement(tmp_path):
    for option in (["--flip"], ["--size", "64x96"], ["--output", str(tmp_path / "out")]):
        done = runner.invoke(cli.app, ["evaluate", "--stated", "--data", str(tmp_path), *option])
        assert done.exit_code == 2
        assert option[0] in done.stderr
        assert "expected none with --stated" in done.stderr
