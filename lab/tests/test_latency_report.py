"""What the latency benchmark writes."""

import csv
import json

import pytest
from latency_tools import cell, preset
from PIL import Image

from lab.latency import Measurement, Profile, Row, write_report
from lab.latency.plot import points
from lab.latency.preset import Target
from lab.latency.rows import Part
from lab.latency.statistics import summarise


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


def test_targets_compare_cells_of_one_block(tmp_path):
    """The first in which all are timed: in another one of them was timed in other company."""
    ours, peer = cell("scmnet"), cell("enet", "torch", "eager")
    targets = Target("over the peer", 0.5, ours, peer), Target("ours", 100, ours, None)
    times = [("first", ours, 0.3), ("second", ours, 0.1), ("second", peer, 0.4), ("third", ours, 1)]
    rows = tuple(Row(title, one, summarise([[seconds]])) for title, one, seconds in times)
    write_report(Measurement(preset(ours, peer, targets=targets), rows, {}, {}), tmp_path)
    lines = (tmp_path / "latency.md").read_text().splitlines()
    assert "| over the peer | 0.5x | 0.25x | yes |" in lines
    assert "| ours | 100 ms | 300 ms | no, by 200% |" in lines


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


def test_where_the_time_goes(tmp_path):
    """Shares are of the whole call; floors are the larger of what was counted at the peaks."""
    one = cell("scmnet", "jax", "fused", (1024, 2048))
    parts = (
        Part("stage", "stem", 0.003, 1_000_000_000, 500_000),
        Part("stage", "head", 0.006, 1_000_000, 2_000_000),
        Part("call", "beyond", 0.001),
    )
    profiles = (Profile(one, parts), Profile(cell("enet"), note="no | profile"))
    measurement = Measurement(
        preset(one), (row(one, 0.01),), {"jax": ({"f32": 1e12}, 1e9)}, {}, profiles
    )
    paths = write_report(measurement, tmp_path)
    assert tmp_path / "profile.csv" in paths
    lines = (tmp_path / "latency.md").read_text().splitlines()
    # 1 GMAC at 1 TMAC/s takes 1 ms, 2 MB at 1 GB/s take 2 ms.
    assert "| stem | 3.000 | 30.0% | 1.000 | 3.0 |" in lines
    assert "| head | 6.000 | 60.0% | 2.000 | 3.0 |" in lines
    assert "| beyond | 1.000 | 10.0% | | |" in lines
    assert "Failed: no | profile" in lines
    with (tmp_path / "profile.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["part"] for line in table] == ["stem", "head", "beyond", ""]
    expected = {"ms": "6.0000", "share": "0.6000", "floor_ms": "2.0000", "mb": "2.000"}
    assert {key: table[1][key] for key in expected} == expected
    assert table[3]["note"] == "no | profile"


def test_memory_beside_the_images(tmp_path):
    """Of a GPU alone, each cell once."""
    jax = cell("scmnet", "jax", "fused", (1000, 1000))
    train = cell("scmnet", "jax", "model", (500, 1000), "train", 2)
    rows = (row(jax, 0.1), row(jax, 0.2), row(train, 0.3), row(cell(runtime="openvino"), 0.1))
    for environment, count in (({}, 0), ({"gpu": "one"}, 2)):
        write_report(Measurement(preset(jax), rows, {}, environment), tmp_path)
        lines = (tmp_path / "latency.md").read_text().splitlines()
        found = lines[lines.index("## Peak memory") + 4 :] if count else []
        assert ("## Peak memory" in lines) == bool(count)
        assert [line for line in found if line] == [
            "| scmnet | 1 of 1000x1000 | mask | jax | fused | f32 | 7 | 2.5 |",
            "| scmnet | 2 of 500x1000 | train | jax | model | f32 | 7 | 2.5 |",
        ][:count]
