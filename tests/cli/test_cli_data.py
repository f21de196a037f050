"""`scmnet-zoo data check` and `data pack`."""

import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import scenes
from PIL import Image
from typer.testing import CliRunner

from scmnet_zoo import cli
from scmnet_zoo.data import camvid, packed

runner = CliRunner()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("drawn") / "camvid")


@pytest.fixture
def folder(drawn, tmp_path):
    """A dataset to spoil."""
    return shutil.copytree(drawn, tmp_path / "camvid")


def _data(*arguments):
    return runner.invoke(cli.app, ["data", *map(str, arguments)], env={"COLUMNS": "120"})


def _spoil(folder, names):
    """Labels with an unknown id; their paths."""
    paths = [folder / "labels" / f"{name}.png" for name in names]
    for path in paths:
        Image.fromarray(np.full(scenes.SIZE, 77, np.uint8)).save(path)
    return paths


def _ends_in_error(result, status=1):
    """The last line of stderr without its prefix; there is no other, and no traceback."""
    assert result.exit_code == status
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("scmnet-zoo: error: ")
    return line.removeprefix("scmnet-zoo: error: ")


# Ends the interpreter in failure where a command has imported what takes long.
QUICK = """
import atexit, os, sys
from scmnet_zoo import cli
slow = {"keras", "matplotlib", *sys.argv.pop().split(",")}
atexit.register(lambda: os._exit(77) if slow & set(sys.modules) else None)
cli.main()
"""


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--help"], "h5py"),
        (["data", "--help"], "h5py"),
        (["data", "check", "--help"], "h5py"),
        (["data", "check", "FOLDER"], "h5py"),
    ],
)
def test_without_keras(folder, arguments, slow):
    arguments = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", QUICK, *arguments, slow], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout


# check


def test_a_clean_dataset(folder):
    result = _data("check", folder)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[-1] == "errors: 0, warnings: 0, notes: 6 (camvid, 11 frames)"
    assert [line for line in lines if line.startswith("error:")] == []
    (row,) = [line for line in lines if "bicyclist" in line]
    assert row.count("%") == 3
    assert "train" in result.stdout
    assert [line.split(":")[0] for line in lines[-7:-1]] == ["note"] * 6


def test_faults_are_lines_and_a_status(folder):
    paths = _spoil(folder, [f"train_00{number}" for number in range(4)])
    (folder / "labels" / "val_000.png").unlink()
    result = _data("check", folder, "--lines", 2)
    assert _ends_in_error(result) == "errors: 5, warnings: 0, notes: 5 (camvid, 10 frames)"
    lines = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    assert len(lines) == 4
    assert "val_000" in lines[0]
    for line, path in zip(lines[1:3], paths, strict=False):
        assert line == (f"error: {path}: expected training ids of camvid, 0..10, 255. Received: 77")
    assert lines[3] == "error: and 2 more labels with unknown ids"


def test_splits_asked_for(folder):
    _spoil(folder, ["train_001"])
    result = _data("check", folder, "--split", "val", "--split", "test")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "errors: 0, warnings: 0, notes: 3 (camvid, 5 frames)"


def test_the_plot(folder, tmp_path):
    result = _data("check", folder, "--output", tmp_path / "new" / "out")
    assert result.exit_code == 0
    (path,) = (tmp_path / "new" / "out").iterdir()
    assert path.name == "class_shares.png"
    assert f"Written to {path}" in result.stdout
    assert Image.open(path).format == "PNG"


def test_readers_do_not_say_it_again(tmp_path, caplog):
    root = scenes.draw_bdd100k(tmp_path / "bdd")
    next((root / "images/10k/train").iterdir()).unlink()
    result = _data("check", root, "--dataset", "bdd100k")
    # The notes: scenes of 128x64 are not of 16:9, as the frames of BDD100K and its recipes are.
    assert _ends_in_error(result) == "errors: 1, warnings: 0, notes: 2 (bdd100k, 6 frames)"
    assert "a label without an image" in result.stdout
    assert caplog.records == []
    assert logging.getLogger("scmnet_zoo.data").level == logging.NOTSET


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "Expected the folder nowhere. Received: no such file or directory"),
        (["nowhere", "--dataset", "kitti"], "Received: 'kitti'"),
        ([os.path.dirname(__file__)], "images and labels"),
        ([__file__], "Received: a file of another kind"),
    ],
)
def test_nothing_to_check(arguments, message):
    assert message in _ends_in_error(_data("check", *arguments))


def test_an_output_that_is_a_file(folder):
    result = _data("check", folder, "--split", "val", "--output", folder / "val.txt")
    assert "File exists" in _ends_in_error(result)


# pack


def test_pack_and_read(folder, tmp_path):
    path = tmp_path / "camvid.h5"
    result = _data("pack", folder, "--size", "36x48", "--output", path)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Written to {path}: 11 frames, 0.")
    for split in ("train", "val", "test"):
        dataset = packed(path, split)
        expected = [sample.name for sample in camvid(folder, split).samples]
        assert [sample.name for sample in dataset.samples] == expected
        assert dataset.read(dataset.samples[0])[0].shape == (36, 48, 3)
    result = _data("check", path)
    assert result.stdout.splitlines()[-1] == "errors: 0, warnings: 0, notes: 0 (camvid, 11 frames)"


def test_some_splits(folder, tmp_path):
    options = ("--size", "36x48", "--splits", "val", "--output", tmp_path / "val.h5")
    assert _data("pack", folder, *options).exit_code == 0
    with pytest.raises(ValueError, match=r"one of val\. Received: 'train'"):
        packed(tmp_path / "val.h5", "train")


def test_splits_that_are_there(folder, tmp_path):
    (folder / "test.txt").unlink()
    path = tmp_path / "camvid.h5"
    result = _data("pack", folder, "--size", "36x48", "--output", path)
    assert result.stdout.startswith(f"Written to {path}: 8 frames")


def test_the_size_that_ratios_are_compared_with(folder):
    """By default that of the recipes, of which CamVid's frames are."""
    assert "height x width" not in _data("check", folder).stdout
    result = _data("check", folder, "--size", "512x1024")
    assert result.exit_code == 0
    assert "of 72x96 (height x width), as 6 of 6 images in train" in result.stdout
    assert "--size" in result.stdout


def test_a_fault_ends_the_packing(folder, tmp_path):
    (path,) = _spoil(folder, ["train_003"])
    result = _data("pack", folder, "--size", "36x48", "--output", tmp_path / "camvid.h5")
    assert _ends_in_error(result).startswith(f"{path}: expected training ids")
    assert [entry.name for entry in tmp_path.iterdir()] == ["camvid"]


def test_an_interruption(folder, tmp_path, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("scmnet_zoo.data.pack.read_placed", interrupted)
    result = _data("pack", folder, "--size", "36x48", "--output", tmp_path / "camvid.h5")
    assert _ends_in_error(result, status=130) == "interrupted"
    assert [entry.name for entry in tmp_path.iterdir()] == ["camvid"]


@pytest.mark.parametrize("size", ["36", "36x", "axb"])
def test_a_size_that_is_none(folder, tmp_path, size):
    result = _data("pack", folder, "--size", size, "--output", tmp_path / "camvid.h5")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_no_room(folder, tmp_path):
    result = _data("pack", folder, "--size", "60000x60000", "--output", tmp_path / "camvid.h5")
    line = _ends_in_error(result)
    assert line.startswith(f"{tmp_path / 'camvid.h5'}: cannot be written: No space left on device")


def test_no_folder_to_pack(tmp_path):
    result = _data("pack", tmp_path, "--size", "36x48", "--output", tmp_path / "camvid.h5")
    assert "images and labels" in _ends_in_error(result)
