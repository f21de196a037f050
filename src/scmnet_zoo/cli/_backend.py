"""The import of Keras and its backend: quiet, and with what was compiled before."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scmnet_zoo.cli._signals import heeding_signals

# By Keras backend: the module it imports. The package is called likewise.
MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def start_keras() -> None:
    """Import Keras, which takes seconds, quietly.

    TensorFlow's C++ part writes to the file descriptor of stderr before any setting silences it.

    Raises:
        ValueError: Keras has no such backend, or the zoo does not run on it.
        ModuleNotFoundError: the backend that `KERAS_BACKEND` names is not installed.
    """
    if "keras" not in sys.modules:
        check_backend()
        with heeding_signals(), _silent_stderr():
            import keras
        if keras.backend.backend() == "jax":
            _keep_programs()


def check_backend() -> None:
    """Raise a ValueError unless the backend in force is one on which the networks run."""
    backend, source = backend_in_force()
    if backend not in MODULES:
        raise ValueError(
            f"Expected Keras's backend to be one of {', '.join(MODULES)}. "
            f"Received: {backend!r}, by {source}"
        )


def backend_in_force() -> tuple[str, str]:
    """The name of Keras's backend, and what sets it, also where Keras cannot be imported."""
    named = os.environ.get("KERAS_BACKEND")
    if named:
        return named, "the variable KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME")
    path = Path(home) if home else Path(os.path.expanduser("~"), ".keras")
    try:
        stored = json.loads((path / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        stored = None
    return (stored, f"{path / 'keras.json'}") if stored else ("tensorflow", "Keras's default")


def missing_backend(error: ModuleNotFoundError) -> str:
    """What to add to the error, if the module that is missing is the backend."""
    backend, source = backend_in_force()
    if MODULES.get(backend) != (error.name or "").partition(".")[0]:
        return ""
    others = ", ".join(name for name in MODULES if name != backend)
    return (
        f"; the backend is {backend!r}, by {source}: pip install {MODULES[backend]}, "
        f"or set KERAS_BACKEND to another ({others})"
    )


def _keep_programs() -> None:
    """Have JAX keep what it compiles for a GPU, unless the user has named a folder for that.

    A run that goes on, or another like it, then starts without compiling. Not for CPUs: what was
    compiled for one need not run on the next one that shares the folder.
    """
    import jax

    from scmnet_zoo.weights.places import home

    named = getattr(jax.config, "jax_compilation_cache_dir", None)
    if jax.default_backend() == "gpu" and not named:
        with contextlib.suppress(OSError):  # a user without a home has no such folder
            jax.config.update("jax_compilation_cache_dir", str(home() / "jax"))


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
