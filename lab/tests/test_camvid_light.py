"""`lab/camvid/light.py` on drawn frames."""

import numpy as np
import pytest
import scenes
from testing_tools import toy

from lab.camvid import light
from scmnet_zoo.data import camvid
from scmnet_zoo.evaluation import Protocol, Task, evaluate


@pytest.fixture
def script(monkeypatch):
    module = light
    monkeypatch.setattr(module, "EVERY", 2)
    return module


def test_each_change_is_that_of_the_image_alone(script, tmp_path):
    dataset = camvid(scenes.draw(tmp_path / "camvid", {"train": 5}), "train")
    for name, change in script.CHANGES.items():
        part = script.changed(dataset, change)
        assert part.samples == dataset.samples[::2]
        image, label = dataset.read(dataset.samples[2])
        other, same = part.read(dataset.samples[2])
        assert other.dtype == np.uint8
        np.testing.assert_array_equal(label, same)
        red, green, blue = (other.astype(int) - image).mean(axis=(0, 1))
        if name == "none":
            np.testing.assert_array_equal(image, other)
        elif name == "warmer":
            assert red > 1
            assert green == 0
            assert blue < -1
        elif name == "colder":
            assert red < -1
            assert green == 0
            assert blue > 1
        elif "light" in name:
            assert (red > 1) == (green > 1) == (blue > 1) == ("1.3" in name)
        else:
            assert (other.astype(int) - image).std() == pytest.approx(6, abs=1)


def test_the_rows(script, tmp_path):
    dataset = camvid(scenes.draw(tmp_path / "camvid", {"train": 4}), "train")
    task = Task(toy(num_classes=11), dataset, Protocol("A", (36, 48), False, "small"), None, None)
    found = script.rows(task)
    assert list(found) == list(script.CHANGES)
    part = script.changed(dataset, script.CHANGES["warmer"])
    expected = 100 * evaluate(*task._replace(dataset=part)).mean_iou()
    assert found["warmer"] == pytest.approx(expected)
