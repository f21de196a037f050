"""`benchmarks/camvid_drives.py`, which is not in the package, on drawn frames."""

import dataclasses

import pytest
import scenes
from scripts import load_script
from testing_tools import toy

from scmnet_zoo.data import camvid
from scmnet_zoo.evaluation import Protocol, Task, evaluate

NAMES = ("test_000", "test_001")


@pytest.fixture
def script(monkeypatch):
    module = load_script("camvid_drives")
    monkeypatch.setattr(module, "CAMVID_A", Protocol("A", (36, 48), False, "small"))
    monkeypatch.setattr(module, "CAMVID_B", Protocol("B", (72, 96), True, "small"))
    monkeypatch.setattr(module, "DRIVES", ("", *NAMES))
    return module


def test_every_frame_is_in_its_row(script, tmp_path):
    dataset = camvid(scenes.draw(tmp_path / "camvid", {"test": 6}), "test")
    kept = [s for s in dataset.samples if dataset.read(s)[1].shape == scenes.SIZE]
    dataset = dataclasses.replace(dataset, samples=tuple(kept))
    task = Task(toy(num_classes=11), dataset, script.CAMVID_A, (72, 96), None)
    found = script.rows(task)
    counts = {(drive, size): count for drive, size, count, _, _ in found}
    full = {sample.name for sample in dataset.samples if script.is_full(sample)}
    assert 0 < len(full) < len(kept)
    assert counts["all", "960x720"] == len(full)
    assert counts["all", "480x360"] == len(kept) - len(full)
    for name in NAMES:
        assert counts[name, "960x720" if name in full else "480x360"] == 1
    by_b = {(drive, size): b for drive, size, _, _, b in found}
    assert by_b["all", "480x360"] is None
    expected = 100 * evaluate(*task._replace(protocol=script.CAMVID_B)).mean_iou()
    assert by_b["all", "960x720"] == pytest.approx(expected)  # B leaves the small ones out itself
