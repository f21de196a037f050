"""A real run, killed and interrupted and started again, on every backend in processes."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import scenes
import tomli_w
from training_tools import assert_same_run, changed

from scmnet_zoo.training.recipe import tables_of

pytestmark = pytest.mark.backends

TESTS = Path(__file__).resolve().parents[1]
BACKENDS = ("tensorflow", "jax", "torch")
RECIPE = changed(epochs=24, validations=12, arguments={"dropout": 0.2}, loss_class_weights="log")
PATIENCE = 300  # seconds


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("killed") / "camvid")


@pytest.fixture
def begin(data, tmp_path):
    """Starts a run of a backend into a folder."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(tomli_w.dumps(tables_of(RECIPE)))

    def begun(backend, output):
        command = [sys.executable, TESTS / "training" / "toy_train.py", "train"]
        command += ["--data", data, "--output", output, "--recipe", recipe]
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "training")]),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of the time
        }
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    return begun


def _wait_for_change(process, path, before):
    """Until a file has been replaced, while the process runs."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if path.exists() and path.stat().st_mtime_ns != before:
            return
        assert process.poll() is None, process.stderr.read()[-3000:]
        time.sleep(0.02)
    raise AssertionError(f"{path} has not changed")


def _end(process, status):
    stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == status, stderr[-3000:]
    return stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_was_killed_goes_on(begin, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    undisturbed, output = tmp_path / "undisturbed", tmp_path / "run"
    _end(begin(backend, undisturbed), 0)
    state = output / "state.safetensors"

    process = begin(backend, output)
    _wait_for_change(process, state, None)
    process.kill()
    _end(process, -signal.SIGKILL)

    if backend == "tensorflow":  # what the signal does is Python's matter, not the backend's
        process = begin(backend, output)
        _wait_for_change(process, state, state.stat().st_mtime_ns)
        process.send_signal(signal.SIGINT)
        stderr = _end(process, 130)
        assert "Traceback" not in stderr
        assert stderr.splitlines()[-1] == "scmnet-zoo: error: interrupted"

    _end(begin(backend, output), 0)
    assert_same_run(output, undisturbed)
