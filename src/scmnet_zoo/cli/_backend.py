"""Import of Keras and its backend, without log messages and with JAX's compilation cache."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scmnet_zoo.cli._signals import heeding_signals

# Keras backend -> module that it imports. The package on PyPI has the same name.
MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def start_keras() -> None:
    """Import Keras without messages on stderr. The import takes seconds.

    TensorFlow's C++ code writes to the file descriptor of stderr before any setting silences it.

    Raises:
        ValueError: the zoo does not run on the backend that Keras is set to.
        ModuleNotFoundError: the backend that `KERAS_BACKEND` names is not installed.
    """
    if "keras" not in sys.modules:
        check_backend()
        with heeding_signals(), _silent_stderr():
            import keras
        if keras.backend.backend() == "jax":
            _keep_programs()


def check_backend() -> None:
    """Raise a ValueError unless the networks run on Keras's current backend."""
    backend, source = backend_in_force()
    if backend not in MODULES:
        raise ValueError(
            f"Expected Keras's backend to be one of {', '.join(MODULES)}. "
            f"Received: {backend!r}, by {source}"
        )


def backend_in_force() -> tuple[str, str]:
    """Return the name of Keras's backend and what sets it. Keras is not imported."""
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
    """Return advice to append to the error if the missing module is the backend, else ""."""
    backend, source = backend_in_force()
    if MODULES.get(backend) != (error.name or "").partition(".")[0]:
        return ""
    others = ", ".join(name for name in MODULES if name != backend)
    return (
        f"; the backend is {backend!r}, by {source}: pip install {MODULES[backend]}, "
        f"or set KERAS_BACKEND to another ({others})"
    )


def _keep_programs() -> None:
    """Turn on JAX's persistent compilation cache for GPUs, unless the user has set its folder.

    A resumed run then starts without compiling. CPUs are left out: a program compiled for one CPU
    may fail on another CPU that shares the folder.
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
