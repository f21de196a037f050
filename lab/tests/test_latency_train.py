"""`python -m lab.latency train`."""

import re

from typer.testing import CliRunner

from lab.latency import training
from lab.latency.__main__ import app
from lab.latency.training import StepTime


def test_both_are_printed(monkeypatch):
    monkeypatch.setattr(
        training, "step_time", lambda *arguments: StepTime(0.0123, (0.012, 0.0123, 0.02), 9, "here")
    )
    arguments = ["train", "--frame-size", "48x96", "--frames", "3", "--workers", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "scmnet, 16 of 360x480, mixed_bfloat16, augmentation included: 12.3 ms (here;" in text
    assert re.search(r"[\d.]+ frames/s on one core; [\d.]+ frames/s with 1 threads", text)
    assert "decode image" in text


def test_errors_in_one_line():
    for arguments in (["--size", "360"], ["--frame-size", "x"], ["--precision", "float64"]):
        done = CliRunner().invoke(app, ["train", *arguments])
        assert done.exit_code != 0
        assert "Traceback" not in done.output
