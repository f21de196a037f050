"""Predictions as files: which ids, what names, and nothing after an error."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import CAMVID, CITYSCAPES, Sample
from scmnet_zoo.evaluation import Export

PREDICTION = np.array([[0, 18, 255], [11, 5, 13]], np.uint8)


def _sample(name, image):
    return Sample(name, Path(image), Path("label.png"))


def test_cityscapes_takes_its_own_ids(tmp_path):
    sample = _sample("ulm_000001_000019", "left/ulm_000001_000019_leftImg8bit.png")
    with Export(tmp_path / "a" / "b", CITYSCAPES) as export:
        export.add(sample, PREDICTION)
        assert not list((tmp_path / "a" / "b").glob("*.png"))
    (path,) = (tmp_path / "a" / "b").iterdir()
    assert path.name == "ulm_000001_000019_leftImg8bit.png"
    assert np.asarray(Image.open(path)).tolist() == [[7, 33, 0], [24, 17, 26]]


def test_others_keep_training_ids(tmp_path):
    with Export(tmp_path, CAMVID) as export:
        export.add(_sample("a/x", "images/a/x.webp"), PREDICTION)
        export.add(_sample("b/x", "images/b/x.jpg"), PREDICTION)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")) == [
        "a/x.png",
        "b/x.png",
    ]
    np.testing.assert_array_equal(Image.open(tmp_path / "a" / "x.png"), PREDICTION)


def test_two_frames_of_one_name(tmp_path):
    samples = [_sample("x", "x.webp"), _sample("x", "x.jpg")]
    with pytest.raises(ValueError, match=r"different names. Received: x\.png twice"):
        _export(tmp_path, samples)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_after_an_error(tmp_path):
    (tmp_path / "x.png").write_text("before")
    with pytest.raises(AttributeError):
        _export(tmp_path, [_sample("x", "x.webp"), None])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    """In a container the next process has its number too."""
    (tmp_path / f".export.{os.getpid()}.part").mkdir()
    _export(tmp_path, [_sample("x", "x.webp")])
    assert (tmp_path / "x.png").is_file()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file.*cannot be written to: ") as raised:
        _export(tmp_path / "file" / "inside", [])
    assert "\n" not in str(raised.value)


def _export(folder, samples):
    with Export(folder, CAMVID) as export:
        for sample in samples:
            export.add(sample, PREDICTION)
