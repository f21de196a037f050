"""What goes wrong outside of the run: its disk and its data."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scenes
from PIL import Image
from training_tools import (
    RECIPE,
    RUN,
    hashes,
    long_but_on_torch,
    metrics,
    trained,
    without_pictures,
)

from scmnet_zoo.files import write_text
from scmnet_zoo.training import trainer
from scmnet_zoo.weights import read_checkpoint

# Writes what a small file may not hold, under a limit that stands for a full disk.
FULL = """
import resource, sys
from scmnet_zoo.files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_text(sys.argv[1], 200_000 * "x")
except OSError as error:
    print(error)
"""


def test_a_file_that_finds_no_room(tmp_path):
    path = tmp_path / "metrics.csv"
    write_text(path, "what was there")
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True)
    assert done.stdout == f"{path}: cannot be written: File too large\n"
    assert path.read_text() == "what was there"
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.csv"]


@long_but_on_torch
@pytest.mark.parametrize(
    "name", ["last.safetensors", "curves.png", "events.out", "state.safetensors"]
)
def test_a_full_disk(folder, finished, tmp_path, toys, monkeypatch, name):
    """What was there can still be read, and with room the run goes on to the same result."""
    if name != "curves.png":
        without_pictures(monkeypatch.setattr)
    output, synced = tmp_path / "run", os.fsync
    (Path(output)).mkdir()
    seen = []

    def full(number):
        target = os.readlink(f"/proc/self/fd/{number}")
        if Path(target).name.startswith(f".{name.split('.')[0]}."):
            seen.append(hashes(output))
            if len(seen) == 2:
                raise OSError(28, "No space left on device")
        synced(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"{name}.*: cannot be written: No space left") as caught:
        trained(folder, output, RUN)
    monkeypatch.setattr(os, "fsync", synced)
    assert "\n" not in str(caught.value)
    after = hashes(output)
    assert {path for path in seen[1] if ".part" not in path} == set(after)
    assert all(after[path] == seen[1][path] for path in after)
    assert len(metrics(output)) in (1, 2)
    assert read_checkpoint(output / "last.safetensors", "toy").metadata.network == "toy"
    trained(folder, output, RUN)
    assert hashes(output)["last.safetensors"] == hashes(finished)["last.safetensors"]


def test_an_output_that_cannot_be_written(folder, tmp_path, toys):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/run: cannot be made: Not a directory"):
        trained(folder, tmp_path / "file" / "run")


# Data.


@pytest.fixture
def spoilt(tmp_path):
    """A dataset to spoil."""
    return scenes.draw(tmp_path / "camvid")


def _unknown_id(folder, split):
    label = np.full(scenes.SIZE, 77, np.uint8)
    Image.fromarray(label).save(folder / "labels" / f"{split}_001.png")


def _truncated(folder, split):
    path = folder / "images" / f"{split}_001.webp"
    path.write_bytes(path.read_bytes()[:100])


def _missing(folder, split):
    (folder / "labels" / f"{split}_001.png").unlink()


def _empty(folder, split):
    (folder / f"{split}.txt").write_text("")


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_unknown_id, r"{}_001\.png.*Received: 77"),
        (_truncated, r"{}_001\.webp: expected an image"),
        (_missing, r"{}_001\.png"),
        (_empty, r"at least one frame name in .*{}\.txt"),
    ],
)
def test_data_that_cannot_be_read(spoilt, tmp_path, toys, monkeypatch, split, spoil, expected):
    monkeypatch.setattr(trainer, "fit", lambda *arguments: pytest.fail("the training began"))
    spoil(spoilt, split)
    with pytest.raises(ValueError, match=expected.format(split)) as caught:
        trained(spoilt, tmp_path / "run", RECIPE)
    assert "\n" not in str(caught.value)


@long_but_on_torch
@pytest.mark.parametrize("split", ["train", "val"])
def test_files_that_turn_out_bad_while_training(spoilt, tmp_path, toys, split):
    _unknown_id(spoilt, split)
    with pytest.raises(ValueError, match=rf"{split}_001\.png.*Received: 77$"):
        trained(spoilt, tmp_path / "run", RECIPE, keep="files")
    assert not (tmp_path / "run" / "state.safetensors").exists()


def test_unknown_names(folder, tmp_path):
    with pytest.raises(ValueError, match="scmnat"):
        trained(folder, tmp_path / "run", network="scmnat")
    with pytest.raises(ValueError, match="Received: 'camvit'"):
        trainer.train("scmnet", "camvit", folder, tmp_path / "run", RECIPE)
    assert not (tmp_path / "run").exists()


def test_one_class_ends_it_before_it_starts(tmp_path, toys):
    """Masks of 0 and 255 too: a table without indices makes 255 void."""
    root = scenes.draw_folder(tmp_path / "own", counts={"train": 2, "val": 1})
    for path in sorted((root / "masks").glob("*/*.png")):
        Image.fromarray(np.full(scenes.SIZE, 10, np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"train_000\.png .*Received: 'drivable' alone, no pixel"):
        trainer.train("toy", "folder", root, tmp_path / "run", RECIPE)
    for path in sorted((root / "masks").glob("*/*.png")):
        mask = np.zeros(scenes.SIZE, np.uint8)
        mask[10:] = 255
        Image.fromarray(mask).save(path)
    (root / "classes.toml").write_text('[[class]]\nname = "rest"\n[[class]]\nname = "road"\n')
    with pytest.raises(ValueError, match=r"train_000\.png: holds 255, .*index = 255 for 'road'"):
        trainer.train("toy", "folder", root, tmp_path / "run", RECIPE)
    assert not (tmp_path / "run" / "metrics.csv").exists()
