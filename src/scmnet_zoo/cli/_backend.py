"""The import of Keras and its backend, without what TensorFlow has to say of itself."""

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
            import keras  # noqa: F401


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
