"""The page docs/finetune.md does what it says: its blocks are run as they stand there."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "finetune.md"
SECONDS = 300  # "under five minutes", of all steps up to the photograph
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PAGE.is_file(), reason=f"needs {PAGE}, which is in a checkout only"),
]


def _blocks(heading):
    """Language and text of the blocks below a heading."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return BLOCK.findall(section)


def _run(command, folder):
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _shell(text, folder):
    return "".join(_run(["bash", "-c", line], folder) for line in text.splitlines())


def _python(text, folder):
    return _run([sys.executable, "-c", text], folder)


def _processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _draw(folder):
    """The data and its check."""
    (_, script), (_, commands) = _blocks("The data")
    (folder / "draw_yard.py").write_text(script)
    assert "80 frames: 0 errors" in _shell(commands, folder)


def test_the_tutorial(tmp_path):
    """Processor time is what is limited: that on the clock depends on what else runs here, and on
    two cores of one's own it is no more than this."""
    started = _processor_seconds()
    _draw(tmp_path)
    ((_, recipe),) = _blocks("The recipe")
    (tmp_path / "yard.toml").write_text(recipe)
    ((_, command),) = _blocks("Training")
    _shell(command, tmp_path)
    (_, commands), (_, snippet) = _blocks("Measuring and using it")
    _shell(commands, tmp_path)
    seconds = _processor_seconds() - started
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    print(f"{seconds:.0f} s of processor time, mIoU {scores['miou']:.2f}")
    assert scores["miou"] > 80
    assert seconds < SECONDS
    assert (tmp_path / "segmented" / "000_overlay.png").is_file()
    assert "wagon" in _python(snippet, tmp_path)
    for name in re.findall(r"`([\w.]+/?)`", PAGE.read_text().split("| file |")[1].split("##")[0]):
        assert (tmp_path / "runs" / "yard" / name).exists(), name


def test_plain_keras(tmp_path):
    _draw(tmp_path)
    (_, plain), (_, batches) = _blocks("Plain Keras")
    printed = _python(plain, tmp_path)
    assert float(re.search(r"mIoU ([\d.]+)$", printed)[1]) > 70, printed
    assert _python(batches, tmp_path).strip() == "16 (4, 96, 128, 3)"
