"""What the latency benchmark writes."""

import csv
import json

import pytest
from latency_tools import cell, preset
from PIL import Image

from scmnet_zoo.benchmark.latency import Measurement, Row, write_report
from scmnet_zoo.benchmark.latency.plot import points
from scmnet_zoo.benchmark.latency.preset import Target
from scmnet_zoo.benchmark.latency.statistics import summarise


def row(one, *seconds, note=""):
    times = summarise([seconds]) if seconds else None
    return Row("toys", one, times, note, prepare=1.5, memory=7_400_000)


@pytest.fixture
def measurement():
    fused = cell("scmnet", "openvino", "fused", (1024, 2048))
    stock = cell("scmnet", "onnxruntime", "stock", (1024, 2048))
    peer = cell("enet", "torch", "eager", (1024, 2048))
    targets = (
        Target("fused over stock", 0.5, fused, stock),
        Target("fused", 100, fused, None),
        Target("fused over the peer", 1, fused, peer),
    )
    rows = (
        row(fused, 0.1, 0.2, 0.15),
        row(stock, 0.4, 0.4),
        row(peer, note="enet | is not installed"),
    )
    rows[0].over_floor = 3.25
    asked = preset(fused, stock, peer, targets=targets)
    return Measurement(asked, rows, {"jax": ({"f32": 2e12}, 1e9)}, {"processor": "slow"})


def test_files(measurement, tmp_path):
    paths = write_report(measurement, tmp_path)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [
        "latency.csv",
        "latency.md",
        "environment.json",
        "latency.png",
    ]
    with (tmp_path / "latency.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["network"] for line in table] == ["scmnet", "scmnet", "enet"]
    expected = {
        "runtime": "openvino",
        "height": "1024",
        "median_ms": "150.000",
        "p99_ms": "199.000",
        "runs": "3",
        "over_floor": "3.25",
        "memory_mb": "7",
        "note": "",
    }
    assert {key: table[0][key] for key in expected} == expected
    assert (table[2]["median_ms"], table[2]["note"]) == ("", "enet | is not installed")
    assert json.loads((tmp_path / "environment.json").read_text()) == {"processor": "slow"}
    with Image.open(tmp_path / "latency.png") as picture:
        assert len(picture.convert("L").getcolors(1 << 20)) > 10


def test_the_page(measurement, tmp_path):
    write_report(measurement, tmp_path)
    lines = (tmp_path / "latency.md").read_text().splitlines()
    assert "- processor: slow" in lines
    assert "- peaks, jax: 2000 GMAC/s in f32, 1 GB/s copied" in lines
    assert "| fused over stock | 0.5x | 0.375x | yes |" in lines
    assert "| fused | 100 ms | 150 ms | no, by 50% |" in lines
    assert "| fused over the peer | 1x | | not measured |" in lines
    assert (
        "| scmnet | openvino | fused | f32 | 1024x2048 | mask | 150 | 199 | 3 | 3.2 | 7 |  |"
    ) in lines
    assert lines[-1].endswith("| mask |  |  |  |  |  | enet \\| is not installed |")


def test_points_are_numbers_with_a_source():
    """Of the fastest cell of each size, fused; of peers there is no number."""
    rows = [
        row(cell("scmnet", "onnxruntime", "fused", (1024, 2048)), 0.3),
        row(cell("scmnet", "openvino", "fused", (1024, 2048)), 0.2),
        row(cell("scmnet", "jax", "stock", (1024, 2048)), 0.1),
        row(cell("scmnet", "jax", "fused", (1024, 2048), "jpeg"), 0.1),
        row(cell("pytorchcv_enet", "torch", "eager", (1024, 2048)), 0.1),
    ]
    shown = {point.dataset: point for point in points(rows)}
    assert {point.latency for point in shown.values()} == {0.2}
    assert (shown["cityscapes val"].miou, shown["cityscapes val"].kind) == (66.5, "published")
    assert shown["camvid test"].kind == "manifest"
    assert 60 < shown["camvid test"].miou < 80


def test_without_points_there_is_no_picture(measurement, tmp_path):
    rows = measurement.rows[1:]
    paths = write_report(Measurement(measurement.preset, rows, {}, {}), tmp_path)
    assert [path.suffix for path in paths] == [".csv", ".md", ".json"]
