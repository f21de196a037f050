"""Each layout from the files to the scores, by the commands, with a toy in place of the networks.

What a user does with a dataset: check it, train on it, measure what came out and export the
predictions; the scores are those that cityscapesscripts finds in the exported files. Then the
faults of data that stop a training: one line each, in the words in which the check tells them.
"""

import json
import os
import shutil

import numpy as np
import pytest
import scenes
from official_cityscapes import official_scores
from PIL import Image
from testing_tools import toy
from typer.testing import CliRunner

from scmnet_zoo import cli, models
from scmnet_zoo.data import CITYSCAPES, VOID
from scmnet_zoo.evaluation import loading
from scmnet_zoo.training import start, trainer

runner = CliRunner()

CAMVID_SIZE = (360, 480)  # at which protocol A compares
OWN_SIZE = scenes.SIZE
TRAIN, VAL = scenes.CAMVID_NAMES["train"][:2], scenes.CAMVID_NAMES["val"]
NAMES = {"train": TRAIN, "val": VAL}
COUNTS = {"train": 2, "val": 2}


def _camvid_truth(seed):
    return scenes.scene(seed, CAMVID_SIZE)[1]


def _street_truth(seed):
    return scenes.street_training_ids(scenes.street(seed)[1])


def _own_truth(seed):
    return scenes.own_scene(seed)[1]


# By layout: the dataset, what draws it, the size to train at, the names that predictions get, and
# what gives their labels as training ids. Of the shared layout one frame, as every second is half.
LAYOUTS = {
    "cityscapes": (
        "cityscapes",
        lambda path: scenes.draw_cityscapes(path, COUNTS),
        (32, 64),
        [f"{name}_leftImg8bit" for name in scenes.cityscapes_names("val", 2)],
        _street_truth,
    ),
    "bdd100k": (
        "bdd100k",
        lambda path: scenes.draw_bdd100k(path, COUNTS),
        (32, 64),
        [f"val{index:04d}-0a0b0c0d" for index in range(2)],
        _street_truth,
    ),
    "camvid_original": (
        "camvid",
        lambda path: scenes.draw_camvid_original(path, NAMES, CAMVID_SIZE),
        (48, 64),
        VAL,
        _camvid_truth,
    ),
    "camvid_segnet": (
        "camvid",
        lambda path: scenes.draw_camvid_segnet(path, NAMES, CAMVID_SIZE),
        (48, 64),
        VAL,
        _camvid_truth,
    ),
    "camvid_shared": (
        "camvid",
        lambda path: scenes.draw(path, {"train": 2, "val": 1}, CAMVID_SIZE),
        (48, 64),
        ["val_000"],
        _camvid_truth,
    ),
    "folder": (
        "folder",
        lambda path: scenes.draw_folder(path, "colour", COUNTS),
        (36, 48),
        ["val_000", "val_001"],
        _own_truth,
    ),
}

RECIPE = """
size = [{size[0]}, {size[1]}]
batch_size = 2
epochs = {epochs}
validations = 1

[optimiser]
learning_rate = 0.1
warmup = 0.0
ema = 0.0

[augmentation]
crop = [32, 32]
"""


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """The toy stands for every network."""
    for module in (models, start, trainer, loading):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)
    monkeypatch.setattr("scmnet_zoo.loading.factory_of", lambda network: toy)


def _run(*arguments):
    return runner.invoke(cli.app, [str(each) for each in arguments], env={"COLUMNS": "120"})


def _recipe(folder, size, epochs):
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(size=size, epochs=epochs))
    return path


# One of each kind of label by default: ids, colours of its own, and a table of the user's.
QUICK = ("cityscapes", "camvid_original", "folder")


@pytest.mark.parametrize(
    "layout",
    [
        layout if layout in QUICK else pytest.param(layout, marks=pytest.mark.long)
        for layout in LAYOUTS
    ],
)
def test_from_the_files_to_the_scores(tmp_path, layout):
    dataset, draw, size, names, truth = LAYOUTS[layout]
    data = draw(tmp_path / "data")
    where = ["--network", "toy", "--dataset", dataset, "--data", data]

    checked = _run("data", "check", data, "--dataset", dataset)
    assert checked.exit_code == 0, checked.stderr
    assert f"({dataset}, {2 + len(names)} frames)" in checked.stdout
    assert "errors: 0" in checked.stdout

    recipe = _recipe(tmp_path, size, epochs=15)
    trained = _run("train", *where, "--recipe", recipe, "--output", tmp_path / "run")
    assert trained.exit_code == 0, trained.stderr

    weights = ["--weights", tmp_path / "run" / "best.safetensors", "--split", "val"]
    folders = ["--output", tmp_path, "--export-predictions", tmp_path / "predictions"]
    measured = _run("evaluate", *where, *weights, *folders)
    assert measured.exit_code == 0, measured.stderr
    ours = json.loads((tmp_path / "scores.json").read_text())
    assert ours["frames"] == len(names)
    assert sum((found["iou"] or 0) > 0 for found in ours["classes"].values()) >= 3

    exported = sorted(path.stem for path in (tmp_path / "predictions").iterdir())
    assert exported == sorted(names)
    labels = [truth(2 + place) for place in range(len(names))]
    official = _official(tmp_path, names, labels, as_they_are=dataset == "cityscapes")
    for place, (name, found) in enumerate(ours["classes"].items()):
        iou = np.nan if found["iou"] is None else found["iou"] / 100
        expected = official["classScores"][CITYSCAPES.classes[place]]
        assert iou == pytest.approx(expected, abs=1e-6, nan_ok=True), name
    assert ours["miou"] / 100 == pytest.approx(official["averageScoreClasses"], abs=1e-6)


def _official(folder, names, labels, as_they_are):
    """The official scores of exported predictions, each class as the one in its place there.

    Args:
        folder: that of `predictions`.
        names: of the predictions, without suffix.
        labels: training ids and void, one a prediction.
        as_they_are: the predictions are Cityscapes' labelIds already.
    """
    table = np.zeros(256, np.uint8)
    table[: len(scenes.STREET_IDS)] = scenes.STREET_IDS
    written, truth = folder / "official_predictions", folder / "official_labels"
    written.mkdir()
    truth.mkdir()
    for place, (name, label) in enumerate(zip(names, labels, strict=True)):
        frame = f"town_{place:06d}_000000"
        prediction = np.asarray(Image.open(folder / "predictions" / f"{name}.png"))
        prediction = prediction if as_they_are else table[prediction]
        ids = np.where(label == VOID, 0, table[label])
        Image.fromarray(prediction).save(written / f"{frame}_leftImg8bit.png")
        Image.fromarray(ids.astype(np.uint8)).save(truth / f"{frame}_gtFine_labelIds.png")
        Image.fromarray(ids.astype(np.uint16)).save(truth / f"{frame}_gtFine_instanceIds.png")
    return official_scores(written, truth)


# Faults of the data.


def _truncated_image(root, patch):
    path = root / "images/train/train_001.png"
    path.write_bytes(path.read_bytes()[:200])
    return path, "expected an image"


def _mask_of_another_size(root, patch):
    path = root / "masks/train/train_001.png"
    Image.open(path).crop((0, 0, 90, 40)).save(path)
    return path, "a label of"


def _unknown_index(root, patch):
    path = root / "masks/val/val_001.png"
    Image.fromarray(np.full(OWN_SIZE, 78, np.uint8)).save(path)
    return path, "78"


def _missing_mask(root, patch):
    path = root / "masks/train/train_001.png"
    path.unlink()
    return path, str(root / "images/train/train_001.png")


def _empty_split(root, patch):
    for path in (root / "images/val").iterdir():
        path.unlink()
    return root / "images/val", "xpected"


def _folder_that_may_not_be_read(root, patch):
    path, scandir = root / "masks/train", os.scandir

    def refuse(given):
        if os.fspath(given) == str(path):
            raise PermissionError(13, "Permission denied", str(given))
        return scandir(given)

    patch.setattr(os, "scandir", refuse)  # root may read everything, so chmod will not do
    return path, "permission denied"


def _faulty_table(root, patch):
    path = root / "classes.toml"
    path.write_text(path.read_text() + "colour = [1, 2]\n")
    return path, "colour"


def _label_ids_as_training_ids(root, patch):
    for number, path in enumerate(sorted((root / "labels/sem_seg/masks/train").iterdir())):
        Image.fromarray(scenes.street(number)[1]).save(path)
    return root / "labels/sem_seg/masks/train/train0000-0a0b0c0d.png", "expected training ids"


def _training_ids_as_label_ids(root, patch):
    for number, path in enumerate(sorted((root / "gtFine/train").glob("*/*_labelIds.png"))):
        Image.fromarray(_street_truth(number)).save(path)
    name = "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"
    return root / name, "expected labelIds"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A clean dataset by its name."""
    folder = tmp_path_factory.mktemp("drawn")
    return {
        "folder": scenes.draw_folder(folder / "own", counts=COUNTS),
        "bdd100k": scenes.draw_bdd100k(folder / "bdd", COUNTS),
        "cityscapes": scenes.draw_cityscapes(folder / "city", COUNTS),
    }


@pytest.mark.parametrize(
    ("dataset", "spoil", "keep"),
    [
        ("folder", _truncated_image, "device"),
        ("folder", _truncated_image, "files"),
        ("folder", _mask_of_another_size, "device"),
        ("folder", _unknown_index, "device"),
        ("folder", _unknown_index, "files"),
        ("folder", _missing_mask, "device"),
        ("folder", _empty_split, "device"),
        ("folder", _folder_that_may_not_be_read, "device"),
        ("folder", _faulty_table, "device"),
        ("bdd100k", _label_ids_as_training_ids, "device"),
        ("cityscapes", _training_ids_as_label_ids, "device"),
    ],
)
def test_a_fault_is_one_line(drawn, tmp_path, monkeypatch, dataset, spoil, keep):
    """With `files` frames are read while the network learns, by a thread of its own."""
    root = shutil.copytree(drawn[dataset], tmp_path / "data")
    path, words = spoil(root, monkeypatch)
    size = (32, 64) if dataset != "folder" else (36, 48)
    options = ["--recipe", _recipe(tmp_path, size, epochs=2), "--output", tmp_path / "run"]
    result = _run("train", "--dataset", dataset, "--data", root, "--keep", keep, *options)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    error = [line for line in result.stderr.splitlines() if line.startswith("scmnet-zoo: error: ")]
    assert result.stderr.splitlines()[-1:] == error
    assert "Traceback" not in result.stderr + result.stdout
    assert str(path) in error[0]
    assert words in error[0] or spoil is _mask_of_another_size

    if keep == "device":  # the check does not depend on it
        checked = _run("data", "check", root, "--dataset", dataset)
        assert checked.exit_code == 1
        told = [line for line in checked.stdout.splitlines() if str(path) in line]
        assert any(words in line for line in told), checked.stdout
