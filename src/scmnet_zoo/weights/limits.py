"""Limits on the size that a weight file declares, checked before its arrays are read."""

import os
from typing import BinaryIO

WeightFile = str | os.PathLike[str] | BinaryIO

TIMES_THE_FILE = 4
ALLOWANCE = 1 << 20  # bytes in addition, for small files with text that compresses well


def size_of(file: WeightFile) -> int:
    """Return the size in bytes of a file, given as a path or opened in binary mode."""
    if isinstance(file, str | os.PathLike):
        return os.path.getsize(file)
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(position)
    return size


def check_declared(declared: int, file_size: int, source: str) -> None:
    """Raise a ValueError if a file declares much more data than it can contain.

    Trained weights hardly compress; the limit of four times the file's size is generous.

    Raises:
        ValueError: `declared` bytes are over four times the file's size and a mebibyte.
    """
    limit = TIMES_THE_FILE * file_size + ALLOWANCE
    if declared > limit:
        raise ValueError(
            f"Expected a weight file of {file_size} bytes to declare at most {limit} bytes of "
            f"data. Received: {source}, which declares {declared}"
        )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
