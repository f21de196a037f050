"""Fixtures of the whole suite."""

import importlib.util
import signal
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """Ctrl-C as in a terminal: shells start background jobs with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared():
    """The directory of reference outputs beside the checkout, which users do not have."""
    if not (SHARED / "golden" / "golden.py").is_file():  # another folder may have that name
        pytest.skip(f"needs the reference outputs in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    """The module that draws the reference weights and images."""
    spec = importlib.util.spec_from_file_location("golden", shared / "golden" / "golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
