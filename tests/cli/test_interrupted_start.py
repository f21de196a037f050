"""How the program starts, and ends where a signal comes before a command has begun."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scmnet_zoo import cli
from scmnet_zoo.cli import _backend, _start
from scmnet_zoo.cli._signals import heeding_signals

PROGRAMS = {
    "script": [str(Path(sys.executable).with_name("scmnet-zoo"))],
    "module": [sys.executable, "-m", "scmnet_zoo"],
}
ENDS = {
    signal.SIGINT: (130, "scmnet-zoo: error: interrupted\n"),
    signal.SIGTERM: (143, "scmnet-zoo: error: ended by SIGTERM\n"),
}
# In the place of a module: it waits for the signal that it sends, or makes another error of it.
SIGNALLED = """
import os, time
try:
    os.kill(os.getpid(), {number})
    time.sleep(9)
except BaseException:
    {then}
"""


def _run(program, *arguments, **environment):
    given = {key: value for key, value in os.environ.items() if not key.startswith("KERAS")}
    return subprocess.run(
        [*PROGRAMS[program], *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**given, **environment},
        timeout=60,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_both_ways_to_call_it(program):
    done = _run(program, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("scmnet-zoo ")
    assert _run(program, "segment", "--example", "--size", "big").returncode == 2


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("module", ["typer", "numpy"])
def test_a_signal_during_the_first_imports(tmp_path, program, number, module):
    source = SIGNALLED.format(number=int(number), then="raise")
    (tmp_path / f"{module}.py").write_text(source)
    done = _run(program, "segment", "--example", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == ENDS[number]
    assert done.stdout == ""


@pytest.mark.parametrize("then", ["raise", "raise ImportError('odd') from None", "pass"])
def test_ctrl_c_during_the_import_of_keras(tmp_path, then):
    """Compiled modules make an ImportError of it, or swallow it."""
    (tmp_path / "keras.py").write_text(SIGNALLED.format(number=int(signal.SIGINT), then=then))
    done = _run("module", "segment", "--example", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == ENDS[signal.SIGINT]


def test_a_signal_that_is_ignored_stays_so():
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDS}
    try:
        _start.ending_at_once()
        _start.ending_as_usual()
        assert {signal.getsignal(number) for number in ENDS} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_command_has_the_usual_handlers():
    before = {number: signal.getsignal(number) for number in ENDS}
    try:
        _start.ending_at_once()
        _start.ending_as_usual()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted_import():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("odd") from None


def test_errors_without_a_signal_stay_as_they_are():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ImportError, match="odd"), heeding_signals():
        raise ImportError("odd")
    with pytest.raises(KeyboardInterrupt), heeding_signals():
        _interrupted_import()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = cli.nothing


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_before_there_is_a_handler(tmp_path, program):
    source = SIGNALLED.format(number=int(signal.SIGINT), then="raise")
    (tmp_path / "signal.py").write_text(source)
    done = _run(program, "--version", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == ENDS[signal.SIGINT]


# The backend in an error is the one in force, by the first of what may name it.


@pytest.mark.parametrize(
    ("variable", "stored", "expected"),
    [
        (None, None, ("tensorflow", "Keras's default")),
        ("torch", None, ("torch", "the variable KERAS_BACKEND")),
        (None, {"backend": "jax"}, ("jax", "keras.json")),
        ("torch", {"backend": "jax"}, ("torch", "the variable KERAS_BACKEND")),
        ("", {"backend": "jax"}, ("jax", "keras.json")),
        (None, {"floatx": "float32"}, ("tensorflow", "Keras's default")),
        (None, [], ("tensorflow", "Keras's default")),
    ],
)
def test_the_backend_in_force(tmp_path, monkeypatch, variable, stored, expected):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if stored is not None:
        (tmp_path / "keras.json").write_text(json.dumps(stored))
    backend, source = _backend.backend_in_force()
    assert backend == expected[0]
    assert source.endswith(expected[1])


def test_a_missing_module_that_is_not_the_backend_names_none(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    other = ModuleNotFoundError("No module named 'onnx'", name="onnx")
    assert _backend.missing_backend(other) == ""
    backend = ModuleNotFoundError("No module named 'torch'", name="torch")
    assert _backend.missing_backend(backend) == (
        "; the backend is 'torch', by the variable KERAS_BACKEND: pip install torch, "
        "or set KERAS_BACKEND to another (tensorflow, jax)"
    )


@pytest.mark.parametrize("name", ["foo", "pytorch"])
def test_a_backend_that_keras_does_not_know(tmp_path, monkeypatch, name):
    """Keras need not be imported to know, so the line comes at once."""
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(ValueError, match=name) as raised:
        _backend.check_backend()
    assert str(raised.value) == (
        f"Expected Keras's backend to be one of tensorflow, jax, torch. Received: {name!r}, by the "
        "variable KERAS_BACKEND"
    )


@pytest.mark.parametrize("name", [*_backend.MODULES, ""])
def test_backends_that_there_are(monkeypatch, tmp_path, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", name)
    _backend.check_backend()


def test_a_backend_that_the_settings_of_keras_name(tmp_path):
    """It is a line, with the backend that is in force and what sets it."""
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    missing = "raise ModuleNotFoundError(\"No module named 'jax'\", name='jax')\n"
    (tmp_path / "jax.py").write_text(missing)
    done = _run(
        "module", "segment", "--example", PYTHONPATH=str(tmp_path), KERAS_HOME=str(tmp_path)
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "No module named 'jax'; the backend is 'jax', by " in line
    assert str(tmp_path / "keras.json") in line
