"""A run that is broken off and started again ends as an undisturbed one, to the last bit."""

import os
import signal
import types

import pytest
from training_tools import BACKEND, RUN, assert_same_run, at_step, long_but_on_torch, trained

from scmnet_zoo.data.loader import OnDevice
from scmnet_zoo.training.loop import _stopping_at_interrupt
from scmnet_zoo.training.run_folder import RunFolder

pytestmark = pytest.mark.long if BACKEND == "jax" else []


class CrashError(Exception):
    """What breaks a run off."""


def _standing(output):
    """Epochs and steps of the next one that are done."""
    state = object.__new__(RunFolder)
    state.path = output
    standing = state.standing()
    return standing.epoch, standing.step


def test_crashes(finished, folder, tmp_path, toys, undrawn, monkeypatch):
    """At the end of the frozen epochs, and in an epoch after one that is not saved."""
    output, save, get = tmp_path / "run", RunFolder.save_state, OnDevice.get

    def crash(self, variables, standing):
        save(self, variables, standing)
        raise CrashError

    monkeypatch.setattr(RunFolder, "save_state", crash)
    with pytest.raises(CrashError):
        trained(folder, output, RUN)
    assert _standing(output) == (1, 0)
    monkeypatch.setattr(RunFolder, "save_state", save)

    asked = []

    def fail(self, numbers):
        asked.append(numbers)
        if len(asked) == 17:  # after two epochs of six and two frames of validation
            raise OSError("gone")
        return get(self, numbers)

    monkeypatch.setattr(OnDevice, "get", fail)
    with pytest.raises(OSError, match=r"^gone$"):
        trained(folder, output, RUN)
    assert _standing(output) == (2, 0)
    monkeypatch.setattr(OnDevice, "get", get)

    trained(folder, output, RUN)
    assert _standing(output) == (4, 0)
    assert_same_run(output, finished)


def _interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@long_but_on_torch
def test_interrupts(finished, folder, tmp_path, toys, undrawn):
    """In a frozen epoch, in one that is not validated, and in the last.

    Frames are prepared ahead of the step that is meant, so it may be a few steps before.
    """
    output, handler = tmp_path / "run", signal.getsignal(signal.SIGINT)
    before = (0, 0)
    for step in (6, 16, 22):
        with pytest.raises(KeyboardInterrupt):
            trained(folder, output, RUN, progress=at_step(step, _interrupt))
        assert signal.getsignal(signal.SIGINT) is handler
        assert before < _standing(output) < (4, 0)
        before = _standing(output)
    trained(folder, output, RUN)
    assert_same_run(output, finished)


def test_the_first_interrupt_waits_the_second_does_not():
    run = types.SimpleNamespace(interrupted=False, model=types.SimpleNamespace(stop_training=False))
    handler = signal.getsignal(signal.SIGINT)
    with _stopping_at_interrupt(run):
        _interrupt()
        assert run.interrupted
        assert run.model.stop_training
        with pytest.raises(KeyboardInterrupt):
            _interrupt()
    assert signal.getsignal(signal.SIGINT) is handler
