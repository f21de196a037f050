"""The cache of downloaded files: where it is, how files get into it, how they are read.

A file enters under a name of its own, opened exclusively, and is renamed once it is whole and
checked. It is read whole, through one descriptor, and checked again: the bytes that were checked
are the bytes that are used, whatever happens to the name meanwhile.
"""

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scmnet_zoo.files import WriteError, write_text
from scmnet_zoo.weights.entry import File, Hash
from scmnet_zoo.weights.places import home

if TYPE_CHECKING or os.name == "posix":
    import fcntl
else:
    fcntl = None

CHUNK = 1 << 20
# Only with O_NONBLOCK does the opening of a pipe in a file's place not wait for a writer.
SAFELY = os.O_RDONLY | sum(getattr(os, f, 0) for f in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
EXCLUSIVELY = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class DamagedError(ValueError):
    """A file that is there is not the one that it should be."""


def cached_path(file: File) -> Path:
    """Where a file lies once it is downloaded; with another hash it has another name."""
    name = Path(file.name)
    known = file.sha256_start if file.hash is None else file.hash.value
    mark = f"-{known[:8]}" if known else ""
    return home() / f"{name.stem}{mark}{name.suffix}"


def read_checked(path: Path, file: File) -> bytes:
    """The content of a file that must be the one of the manifest.

    Raises:
        FileNotFoundError: it is not there.
        DamagedError: it is a link or no file, or of another size or hash.
        OSError: it cannot be read.
    """
    expected = file.hash or Hash("sha256", _noted(path))
    content = _read_safely(path, file.maximum_size)
    if file.size is not None and len(content) != file.size:
        raise DamagedError(f"expected {file.size} bytes. Received: {len(content)}")
    digest = hashlib.new(expected.algorithm, content).hexdigest()
    if not digest.startswith(file.sha256_start):
        raise DamagedError(f"expected sha256 {file.sha256_start}... Received: {digest}")
    if digest != expected.value:
        raise DamagedError(f"expected {expected.algorithm} {expected.value}. Received: {digest}")
    return content


def _read_safely(path: Path, limit: int) -> bytes:
    try:
        descriptor = os.open(path, SAFELY)
    except OSError as error:
        if path.is_symlink():
            raise DamagedError("expected a file. Received: a link") from error
        raise
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise DamagedError("expected a file. Received: something else")
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise DamagedError(f"expected at most {limit} bytes. Received: more")
    return content


def _note(path: Path) -> Path:
    """Where the hash is noted of a file whose publisher states none."""
    return path.with_name(f"{path.name}.sha256")


def _noted(path: Path) -> str:
    """The SHA-256 of what came at first, which is what has to be there."""
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        return _note(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"expected its hash in {_note(path).name}") from error


def remove(file: File) -> Path | None:
    """Delete a file from the cache; its path, or None where it was not there.

    Raises:
        OSError: it cannot be deleted.
    """
    path = cached_path(file)
    there = path.is_symlink() or path.exists()
    if there:
        path.unlink()
    _note(path).unlink(missing_ok=True)
    return path if there else None


class Part:
    """A file on its way into the cache; a context manager that leaves nothing of it behind.

    Attributes:
        size: bytes so far.
        digest: of them.
        version: what their source calls the content, to ask it for the rest.
        stated: the SHA-256 that the Hub states of the file, if it does.

    Raises:
        WriteError: it cannot be written; one line that names it.
    """

    def __init__(self, path: Path, algorithm: str):
        self.target = path
        self.path: Path = _part_of(path)
        self.algorithm = algorithm
        self.size: int = 0
        self.digest: hashlib._Hash = hashlib.new(algorithm)
        self.version: str | None = None
        self.stated: str | None = None
        self._descriptor = -1

    def __enter__(self) -> "Part":
        with self._writing():
            while True:
                self._descriptor = os.open(self.path, EXCLUSIVELY, 0o666)
                held = _hold(self._descriptor) is not False
                if held and _is_still(self._descriptor, self.path):
                    return self
                self._close()  # another process took it for a dead one's before it was held
                self.path = _part_of(self.target)

    def __exit__(self, *_: Any) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        with self._writing():
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self.digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Drop what there is."""
        with self._writing():
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size, self.digest, self.version = 0, hashlib.new(self.algorithm), None

    def content(self) -> bytes:
        """All bytes so far; they come from the descriptor, so that no other file's can come."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        pieces = []
        while piece := os.read(self._descriptor, CHUNK):
            pieces.append(piece)
        return b"".join(pieces)

    def keep(self, noted: bool) -> None:
        """Give it its name, once it is on the disk; with its hash beside it if `noted`."""
        with self._writing():
            os.fsync(self._descriptor)
            if noted:
                write_text(_note(self.target), f"{self.digest.hexdigest()}\n")
            if fcntl is None:  # Windows renames no open file
                self._close()
            os.replace(self.path, self.target)
            _sync_folder(self.target.parent)

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except WriteError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise WriteError(f"{self.target}: cannot be written: {reason}") from error


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def remove_dead_parts(path: Path) -> None:
    """Delete what killed processes have left of a file; parts that are written to stay."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        with contextlib.suppress(OSError):
            descriptor = os.open(part, SAFELY)
            try:
                if _hold(descriptor):
                    part.unlink()
            finally:
                os.close(descriptor)


def _hold(descriptor: int) -> bool | None:
    """Whether no other process holds an open file; from now on this one does.

    None on a file system without locks, where parts of the dead stay: nothing tells them apart.
    On Windows nobody can delete a file that is open, so that there is nothing to hold.
    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
