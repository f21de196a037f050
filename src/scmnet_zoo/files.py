"""Write files and folders atomically: a failed write leaves no partial file or empty folder."""

import errno
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LARGEST_TEXT = 64_000_000  # bytes; limit for tables and lists
OVERLAY, MASK = "_overlay.png", "_mask.png"  # endings of the files that `segment` writes


class WriteError(OSError):
    """Raised if a file cannot be written; the message is one line that names the file."""


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` after the block, or deleted after an error.

    An older file at `path` is unchanged until the rename. The content is synchronised to the disk
    before it.

    Raises:
        WriteError: the file, or another file in the block, cannot be written.
    """
    path = Path(path)
    part = _part(path)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except WriteError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(f"{path}: cannot be written: {reason}") from error
    finally:
        with suppress(OSError):  # a name that is too long raises here too
            part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """Return a hidden path in the same folder, with a name of at most 255 bytes like the path's."""
    known = f"{zlib.crc32(os.fsencode(path.name)):08x}"  # distinguishes truncated names
    return path.with_name(f".{path.stem[:32]}.{known}.{os.getpid()}.part{path.suffix[-32:]}")


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Create a folder and its parents. After an error in the block, new empty folders are removed.

    Raises:
        OSError: the folder cannot be created.
    """
    path = Path(path)
    missing = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield path
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def hidden_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Create a hidden temporary folder beside a path, removed after the block.

    After an error in the block, new empty parents are removed too.

    Raises:
        OSError: the folder cannot be created.
    """
    path = Path(path)
    with (
        new_folder(path.parent) as parent,
        tempfile.TemporaryDirectory(
            prefix=f".{path.name}.", dir=parent, ignore_cleanup_errors=True
        ) as made,
    ):
        yield Path(made)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8 atomically."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_small(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a text file such as a table or a list.

    Raises:
        OSError: the file is missing or not readable, is not a regular file (reading a pipe would
            block), or has more than 64 million bytes.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise OSError(errno.EINVAL, "something that is not a file", os.fspath(path))
    if os.path.isfile(path) and os.path.getsize(path) > LARGEST_TEXT:
        raise OSError(errno.EFBIG, "a file of more than 64 million bytes", os.fspath(path))
    return Path(path).read_bytes()
