"""The import of Keras and its backend: quiet, and with what was compiled before."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def start_keras() -> None:
    """Import Keras, which takes seconds, quietly.

    TensorFlow's C++ part writes to the file descriptor of stderr before any setting silences it.

    Raises:
        ModuleNotFoundError: the backend that `KERAS_BACKEND` names is not installed.
    """
    if "keras" not in sys.modules:
        with _silent_stderr():
            import keras
        if keras.backend.backend() == "jax":
            _keep_programs()


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
