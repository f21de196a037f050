"""What a weight file may claim about itself before any of its arrays is read."""

import os
from typing import BinaryIO

WeightFile = str | os.PathLike[str] | BinaryIO

TIMES_THE_FILE = 4
ALLOWANCE = 1 << 20  # for small files, whose text compresses well


def size_of(file: WeightFile) -> int:
    """The bytes of a file, given as a path or opened in binary mode."""
    if isinstance(file, str | os.PathLike):
        return os.path.getsize(file)
    position = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(position)
    return size


def check_declared(declared: int, file_size: int, source: str) -> None:
    """Refuse a file that declares much more data than it can hold.

    Trained weights hardly compress; four times the file's size leaves room for those that do.

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
    """An error's message, or its kind where it has none, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
