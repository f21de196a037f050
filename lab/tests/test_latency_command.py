"""`python -m lab.latency run` and `floor`."""

import re

import pytest
from typer.testing import CliRunner

from lab import latency
from lab.latency import Cell, Measurement, Row
from lab.latency.__main__ import app
from lab.latency.statistics import summarise


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def quick(monkeypatch):
    """Nothing is measured; the preset is the shipped one."""

    def measure(preset, progress, save):
        first, second = preset.blocks[0].cells[:2]
        rows = (Row("b", first, summarise([[0.1]])), Row("b", second, note="is not installed"))
        return Measurement(preset, rows, {}, {})

    monkeypatch.setattr(latency, "measure", measure)


def test_latency(quick, tmp_path):
    done = run("run", "--preset", "cpu", "--output", tmp_path / "new" / "out")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "1 of 2 cells timed" in text
    assert "failed: scmnet onnxruntime fused f32 1024x2048 mask: is not installed" in text
    assert (tmp_path / "new" / "out" / "latency.csv").is_file()


def assert_one_line(done, message):
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    (line,) = done.output.strip().splitlines()
    assert re.search(message, line)


def test_an_unknown_preset(tmp_path):
    done = run("run", "--preset", "tpu", "--output", tmp_path / "out")
    assert_one_line(done, r"name of a preset \(backends, cpu, gpu\)\. Received: tpu")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(quick, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert_one_line(run("run", "--output", tmp_path / "out"), "expected a folder")
    done = run("run", "--output", tmp_path / "out" / "deeper")
    assert_one_line(done, r"out/deeper: cannot be written to: Not a directory")
    assert (tmp_path / "out").read_text() == "mine"


def test_nothing_to_run_leaves_nothing(monkeypatch, tmp_path):
    def measure(preset, progress, save):
        raise ValueError("Expected at least one of 3 cells to run. Received: jax is not installed")

    monkeypatch.setattr(latency, "measure", measure)
    done = run("run", "--output", tmp_path / "new" / "out")
    assert_one_line(done, "at least one of 3 cells to run")
    assert not (tmp_path / "new").exists()


def test_floor():
    done = run("floor", "--network", "fastscnn", "--size", "64x128", "--precision", "f32")
    assert done.exit_code == 0, done.output
    assert re.search(r"fastscnn.*64x128.*0\.03.*f32.*\d+\.\d", done.output)


def test_errors_of_floor_in_one_line():
    assert_one_line(run("floor", "--network", "unet"), "network to be one of .*'unet'")
    assert_one_line(run("floor", "--precision", "f64"), "--precision to be one of .*f64")
    assert_one_line(run("floor", "--network", "scmnet", "--size", "8x8"), "Expected size")
    assert "expected HEIGHTxWIDTH" in run("floor", "--size", "8").output


def test_cells_have_words():
    cell = Cell("scmnet", "jax", "fused", "bf16", (64, 128), "mask")
    assert cell.title == "scmnet jax fused bf16 64x128 mask"
