"""Write HDF5 files without crashes when the disk is full or removed."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO


class Sink:
    """File object for HDF5 that hides write errors from HDF5, which would crash.

    After the first error, e.g. a full disk, further writes are dropped. `check` raises the error.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._error: BaseException | None = None

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _attempt(self, call: Callable[..., int | None], *arguments: Any) -> int:
        if self._error is None:
            try:
                return call(*arguments) or 0
            except BaseException as error:
                self._error = error
        return 0

    def read(self, size: int = -1) -> bytes:  # h5py accepts only objects with this method
        raise NotImplementedError

    def readinto(self, buffer: Any) -> int:
        return self._attempt(self._file.readinto, buffer)  # type: ignore[attr-defined]

    def write(self, data: Any) -> int:
        self._attempt(self._file.write, data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._attempt(self._file.seek, offset, whence)

    def tell(self) -> int:
        return self._attempt(self._file.tell)

    def truncate(self, size: int) -> int:
        return self._attempt(self._file.truncate, size)

    def flush(self) -> None:
        self._attempt(self._file.flush)


def check_room(path: Path, least: int) -> None:
    """Raise an OSError if the disk has less than `least` bytes free, or `path` is a folder."""
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    free = shutil.disk_usage(path.parent).free
    if free < least:
        wanted = f"{least / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {wanted}")


@contextlib.contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[Any, Sink]]:
    """Create an HDF5 file; yields the file and its `Sink`. Raises an OSError if writing fails."""
    import h5py

    with open(path, "wb+") as raw:
        sink = Sink(raw)
        with h5py.File(sink, "w", track_order=True) as file:
            yield file, sink
        sink.check()
