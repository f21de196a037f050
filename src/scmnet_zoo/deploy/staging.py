"""Files that are written beside their place, and moved there once they are found good."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from scmnet_zoo.files import WriteError, hidden_folder


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A folder for `path` and what goes with it; its content is moved beside `path` at the end.

    After an error nothing of it is left, nor the parents that were made for it. What has `path`
    itself as its name is moved last, so that it is there only when the others are.

    Raises:
        WriteError: the folder cannot be made, or something cannot be moved; one line.
    """
    try:
        with hidden_folder(path) as folder:
            yield folder
            for made in sorted(folder.iterdir(), key=lambda made: made.name == path.name):
                _sync(made)
                os.replace(made, path.with_name(made.name))
    except OSError as error:
        if isinstance(error, WriteError) or error.filename is None:
            raise
        reason = error.strerror or str(error)
        raise WriteError(f"{path}: cannot be written: {reason}") from error


def _sync(path: Path) -> None:
    """Have the content on the disk before the name changes."""
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
