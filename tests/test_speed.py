"""The time of networks and exported files, and `scmnet-zoo speed`."""

import json
import re

import keras
import pytest
from typer.testing import CliRunner

from scmnet_zoo import FastSCNN, speed
from scmnet_zoo.cli import app
from scmnet_zoo.deploy import describe, export
from scmnet_zoo.speed import Speed, time_file, time_network

SIZE = (64, 96)


def run(*arguments):
    return CliRunner().invoke(app, ["speed", *map(str, arguments)], env={"COLUMNS": "120"})


def check(found, runs):
    assert (found.size, found.runs) == (SIZE, runs)
    assert 0 < found.median <= found.p99 < 10
    assert found.frames_per_second == pytest.approx(1 / found.median)
    assert found.memory is None or found.memory > 1_000_000


def test_a_network_in_keras():
    found = time_network("fastscnn", size=SIZE, runs=6, seconds=0.0)
    check(found, speed.LEAST_RUNS)
    assert found.weights is None
    assert found.engine == f"keras {keras.backend.backend()}"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_network_in_another_engine(engine):
    pytest.importorskip(engine)
    pytest.importorskip("onnx")
    found = time_network("fastscnn", "camvid", engine=engine, size=SIZE, threads=1, runs=7)
    check(found, 7)
    assert (found.network, found.weights, found.engine) == ("fastscnn", "camvid", engine)


def test_an_exported_file(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path = tmp_path / "roads.onnx"
    described = describe("fastscnn", "camvid")
    model = FastSCNN(weights="camvid")
    export(model, path, "onnx", size=SIZE, output="mask", description=described)
    check(time_file(path, runs=6), 6)
    with pytest.raises(ValueError, match="Expected uint8 of shape"):
        time_file(path, size=(96, 96))
    done = run("--file", path, "--runs", 6, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["network"] == "roads.onnx"
    stated = [found[name] for name in ("weights", "engine", "precision")]
    assert stated == ["camvid", "onnxruntime", "f32"]
    assert found["frames_per_second"] == pytest.approx(1000 / found["median_ms"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "tensorrt"}, "engine to be one of keras, .*Received: 'tensorrt'"),
        ({"precision": "int8"}, "one of f32, bf16 for keras; for int8 export a file"),
        ({"threads": 2}, "no threads for keras"),
        ({"size": (8, 8)}, "size to be"),
        ({"weights": "cityscape"}, "cityscape"),
    ],
)
def test_what_cannot_be_timed(arguments, message):
    with pytest.raises(ValueError, match=message):
        time_network("fastscnn", **arguments)


@pytest.fixture
def measured(monkeypatch):
    """Arguments with which the library was called; nothing is measured."""
    calls = []

    def time_network(*arguments, **named):
        calls.append((*arguments, named))
        return Speed("scmnet", "camvid", "keras jax", "cpu", "f32", SIZE, 100, 0.02, 0.05, 812e6)

    monkeypatch.setattr(speed, "time_network", time_network)
    return calls


def test_the_table(measured):
    done = run("--size", "64x96")
    assert done.exit_code == 0, done.output
    assert "scmnet in keras jax on cpu" in done.stdout
    assert re.search(r"64x96 +│ +f32 +│ +100 +│ +20.00 +│ +50.00 +│ +50.0 +│ +812", done.stdout)
    assert measured[0][:2] == ("scmnet", "camvid")
    assert measured[0][2]["size"] == SIZE
    run("--weights", "random", "--network", "contextnet")
    assert measured[1][:2] == ("contextnet", None)
    run("--network", "efficientvit")  # which has no weights `camvid`
    assert measured[2][:2] == ("efficientvit", "cityscapes")


def test_errors_of_the_command():
    done = run("--file", "x.onnx", "--engine", "openvino")
    assert done.exit_code == 2
    assert "expected no --engine with --file" in done.stderr
    done = run("--file", "missing.onnx")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "missing.onnx: expected an exported file" in line


def test_the_old_name_of_evaluate_stated(tmp_path):
    done = CliRunner().invoke(app, ["benchmark", "accuracy", "--data", str(tmp_path / "none")])
    assert done.exit_code == 1
    first, second = done.stderr.splitlines()
    assert "benchmark accuracy is deprecated; use scmnet-zoo evaluate --stated" in first
    assert "Expected the folder" in second


@pytest.mark.parametrize("name", ["latency", "floor", "train"])
def test_commands_that_moved_say_where(name):
    done = CliRunner().invoke(app, ["benchmark", name, "--preset", "cpu"])
    assert done.exit_code == 1
    assert f"python -m lab.latency {'run' if name == 'latency' else name}" in done.stderr
    assert "Traceback" not in done.output
