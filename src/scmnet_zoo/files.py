"""Files written whole or not at all, and folders that do not stay for nothing."""

import errno
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LARGEST_TEXT = 64_000_000  # bytes; tables and lists have far fewer
OVERLAY, MASK = "_overlay.png", "_mask.png"  # what names of segmented photographs end in


class WriteError(OSError):
    """A file could not be written; the message is a line that names it."""


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name to write to; it becomes `path` once that is done, and is gone after an error.

    What was at `path` stays until then. The content is on the disk before the name changes.

    Raises:
        WriteError: it, or a file within the block, cannot be written; one line that names it.
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
        with suppress(OSError):  # a name too long cannot even be looked for
            part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """A hidden name beside a path, never longer than 255 bytes where the path's is not."""
    known = f"{zlib.crc32(os.fsencode(path.name)):08x}"  # what is cut off tells names apart
    return path.with_name(f".{path.stem[:32]}.{known}.{os.getpid()}.part{path.suffix[-32:]}")


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder, made with its parents; after an error those that it made go again, if empty.

    Raises:
        OSError: it cannot be made.
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
    """A hidden folder beside a path, gone at the end; after an error so are parents made for it.

    Raises:
        OSError: it cannot be made.
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
    """Write a text file whole or not at all."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_small(path: str | os.PathLike[str]) -> bytes:
    """The content of a file of text, such as a table or a list.

    Raises:
        OSError: it is missing, may not be read, is no file (a pipe would be waited for without
            end), or has more than 64 million bytes.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise OSError(errno.EINVAL, "something that is not a file", os.fspath(path))
    if os.path.isfile(path) and os.path.getsize(path) > LARGEST_TEXT:
        raise OSError(errno.EFBIG, "a file of more than 64 million bytes", os.fspath(path))
    return Path(path).read_bytes()
