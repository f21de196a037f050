"""The page docs/finetune.md does what it says: its blocks are run as they stand there.

In this process: that there is a program `scmnet-zoo` is seen in tests/cli/test_cli_segment.py.
"""

import contextlib
import io
import json
import re
import runpy
import shlex
import time
from pathlib import Path

import keras
import pytest
from typer.testing import CliRunner

from scmnet_zoo import cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "finetune.md"
SECONDS = 280  # "under five minutes", of all steps up to the photograph but the starts of Python
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PAGE.is_file(), reason=f"needs {PAGE}, which is in a checkout only"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the page's is TensorFlow"),
]


def _blocks(heading):
    """Language and text of the blocks below a heading."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return BLOCK.findall(section)


def _shell(text):
    """The output of a block of commands."""
    output = ""
    for line in text.splitlines():
        program, *arguments = shlex.split(line)
        if program == "python":
            runpy.run_path(*arguments, run_name="__main__")
            continue
        assert program == "scmnet-zoo", line
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        output += done.stdout
    return output


def _python(text):
    """What a block of Python prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(text, {"__name__": "__main__"})
    return printed.getvalue()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The folder of the data, which have been checked."""
    folder = tmp_path_factory.mktemp("tutorial")
    (_, script), (_, commands) = _blocks("The data")
    (folder / "draw_yard.py").write_text(script)
    with contextlib.chdir(folder):
        assert "errors: 0" in _shell(commands)
    return folder


@pytest.fixture
def folder(drawn, monkeypatch):
    """The same as the working directory."""
    monkeypatch.chdir(drawn)
    return drawn


def test_the_tutorial(folder):
    """Processor time is what is limited: that on the clock depends on what else runs here, and on
    two cores of one's own it is no more than this."""
    started = time.process_time()
    ((_, recipe),) = _blocks("The recipe")
    (folder / "yard.toml").write_text(recipe)
    ((_, command),) = _blocks("Training")
    _shell(command)
    (_, commands), (_, snippet) = _blocks("Measuring and using it")
    _shell(commands)
    seconds = time.process_time() - started
    scores = json.loads((folder / "scores" / "scores.json").read_text())
    print(f"{seconds:.0f} s of processor time, mIoU {scores['miou']:.2f}")
    assert scores["miou"] > 75
    assert seconds < SECONDS
    assert (folder / "segmented" / "000_overlay.png").is_file()
    assert "wagon" in _python(snippet)
    for name in re.findall(r"`([\w.]+/?)`", PAGE.read_text().split("| file |")[1].split("##")[0]):
        assert (folder / "runs" / "yard" / name).exists(), name


def test_plain_keras(folder):
    (_, plain), (_, batches) = _blocks("Plain Keras")
    printed = _python(plain)
    assert float(re.search(r"mIoU ([\d.]+)$", printed)[1]) > 70, printed
    assert _python(batches).strip() == "16 (4, 96, 128, 3)"
