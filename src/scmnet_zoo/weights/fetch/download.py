"""From an entry's file to its checked bytes: the package, the cache, then the network.

Neither `requests` nor `huggingface_hub` is trusted with more than the carriage of bytes: size and
hash are checked here, and the file gets its name in the cache once they are right.
"""

import contextlib
import io
import logging
import os
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import filelock

from scmnet_zoo.files import WriteError
from scmnet_zoo.weights.entry import File, Https, Hub, Wheel
from scmnet_zoo.weights.fetch.cache import (
    CHUNK,
    DamagedError,
    Part,
    cached_path,
    read_checked,
    remove_dead_parts,
)
from scmnet_zoo.weights.fetch.https import (
    BrokenError,
    ChangedError,
    Head,
    Limits,
    NoNetworkError,
    RefusedError,
    stream,
)
from scmnet_zoo.weights.fetch.progress import terminal_progress
from scmnet_zoo.weights.places import HOME

logger: logging.Logger = logging.getLogger(__name__)

OFFLINE = ("SCMNET_ZOO_OFFLINE", "HF_HUB_OFFLINE")
FALSE = ("", "0", "false", "no", "off")
ZIP_OVERHEAD = 1 << 16  # bytes that an archive may have more than the file in it

Progress = Callable[[int, int | None], None]  # bytes so far, and of all if they are known


class DownloadError(OSError):
    """A file cannot be had; the message is a line with every source and its reason."""


def offline() -> str | None:
    """The name of the variable that forbids the network, if one does."""
    for name in OFFLINE:
        if os.environ.get(name, "").strip().lower() not in FALSE:
            return name
    return None


def fetch(file: File, limits: Limits | None = None) -> bytes:
    """The content of a file, checked; downloaded where it is neither in the package nor cached.

    Args:
        file: what to fetch.
        limits: by default those of `Limits()`.

    Raises:
        DownloadError: no source has it.
        OSError: the cache folder cannot be written to.
    """
    reasons = []
    if Wheel() in file.sources:
        try:
            return read_checked(packaged_path(file), file)
        except (DamagedError, OSError) as error:
            reasons.append(f"{packaged_path(file)}: {_words(error)}; reinstall scmnet-zoo")
    path = cached_path(file)
    sources = [source for source in file.sources if not isinstance(source, Wheel)]
    try:
        return read_checked(path, file)
    except FileNotFoundError:
        pass
    except (DamagedError, OSError) as error:
        logger.warning("%s is not used: %s", path, _words(error))
        reasons += [f"{path}: {_words(error)}"] if sources else []
    if variable := offline():
        reasons += [
            f"{_address(source, file)[0]}: not asked, as {variable} is set" for source in sources
        ]
        sources = []
    if not sources:
        raise DownloadError(_not_to_be_had(file, path, reasons))
    limits = limits or Limits()
    with terminal_progress(file.name) as progress:
        deadline = time.monotonic() + limits.deadline
        return _Download(file, path, limits, progress, deadline).run(sources, reasons)


def _not_to_be_had(file: File, path: Path, reasons: list[str]) -> str:
    hint = "" if file.hash is None else f"; a copy from elsewhere is taken from {path}"
    return f"{file.name} cannot be had: {'; '.join(reasons)}{hint}"


def packaged_path(file: File) -> Path:
    """Where a file of the wheel lies."""
    return Path(str(resources.files("scmnet_zoo.weights"))) / "files" / file.name


@contextlib.contextmanager
def _one_at_a_time(path: Path, seconds: float) -> Iterator[None]:
    """Let one process download while others wait for it, for a while; it only saves work."""
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=seconds)
    try:
        lock.acquire()
    except (filelock.Timeout, OSError, NotImplementedError) as error:
        logger.info("downloading without the lock of %s: %s", path, error)
    try:
        yield
    finally:
        lock.release()


def _address(source: Hub | Https, file: File) -> tuple[str, str | None]:
    """The URL of a source, and the credentials for its host."""
    if isinstance(source, Hub):
        import huggingface_hub

        url = huggingface_hub.hf_hub_url(source.repository, file.name, revision=source.revision)
        anonymous = huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
        return url, None if anonymous else huggingface_hub.get_token()
    return source.url, None


@dataclass(frozen=True)
class _Download:
    """A file on its way from its sources into the cache."""

    file: File
    path: Path
    limits: Limits
    progress: Progress
    deadline: float

    def run(self, sources: list[Hub | Https], reasons: list[str]) -> bytes:
        """Ask the sources one after the other; the file is then in the cache."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            folder = self.path.parent
            raise OSError(
                f"{folder}: cannot be made: {error.strerror}; set {HOME} to another folder"
            ) from error
        with _one_at_a_time(self.path, self.limits.lock):
            with contextlib.suppress(DamagedError, OSError):
                return read_checked(self.path, self.file)  # another process has got it meanwhile
            remove_dead_parts(self.path)
            for source in sources:
                url, token = _address(source, self.file)
                try:
                    return self._from_source(url, token, isinstance(source, Https) and source.unzip)
                except RefusedError as error:
                    reasons.append(f"{url}: {error}")
                except NoNetworkError as error:
                    left = sources[sources.index(source) :]
                    reasons += [f"{_address(each, self.file)[0]}: {error}" for each in left]
                    break
                logger.info("%s", reasons[-1])
        raise DownloadError(_not_to_be_had(self.file, self.path, reasons))

    def _from_source(self, url: str, token: str | None, unzip: bool) -> bytes:
        """All of a source's bytes, in as many attempts as it takes and the limits allow."""
        algorithm = self.file.hash.algorithm if self.file.hash else "sha256"
        with Part(self.path, algorithm) as part:
            failures = 0
            while True:
                before = part.size
                try:
                    self._receive(part, url, token, unzip)
                    break
                except BrokenError as error:
                    failures = 0 if part.size - before >= self.limits.progress else failures + 1
                    if isinstance(error, ChangedError):
                        part.restart()
                    if failures >= self.limits.attempts:
                        raise RefusedError(f"{error}, in {failures} attempts") from error
                    self._wait(error, failures)
            if not unzip:
                return self._accepted(part)
            with Part(self.path, algorithm) as unzipped:
                self._unzip(part, unzipped)
                return self._accepted(unzipped)

    def _receive(self, part: Part, url: str, token: str | None, unzip: bool) -> None:
        """Add to a part what is missing of it.

        Raises:
            BrokenError: some is missing still.
        """
        total = None if unzip else self.file.size
        most = self.file.maximum_size + (ZIP_OVERHEAD if unzip else 0)
        if part.version is None:  # nothing says that the rest would be of the same content
            part.restart()
        pieces = stream(url, token, part.size, part.version, self.deadline, self.limits)
        with contextlib.closing(pieces):
            for piece in pieces:
                if isinstance(piece, Head):
                    if piece.start == 0:
                        part.restart()
                    part.version = piece.version
                    part.stated = piece.sha256 or part.stated
                    total = _agreed(piece, total, most)
                elif part.size + len(piece) > most:
                    raise RefusedError(f"sent more than {most} bytes")
                else:
                    part.write(piece)
                    self.progress(part.size, total)
        if total is not None and part.size < total:
            raise BrokenError(f"sent {part.size} of {total} bytes")

    def _wait(self, error: BrokenError, failures: int) -> None:
        wait = error.wait
        if wait is None:
            wait = self.limits.backoff * 2 ** max(0, failures - 1) * random.uniform(0.5, 1.0)
        wait = min(wait, self.limits.longest_wait)
        if time.monotonic() + wait > self.deadline:
            raise RefusedError("the time for the download is over") from error
        logger.info("%s: %s; trying again in %.1f s", self.file.name, error, wait)
        time.sleep(wait)

    def _unzip(self, archive: Part, part: Part) -> None:
        """Take the file out of a zip archive."""
        try:
            with (
                zipfile.ZipFile(io.BytesIO(archive.content())) as opened,
                opened.open(self.file.name) as member,
            ):
                while chunk := member.read(CHUNK):
                    if part.size + len(chunk) > self.file.maximum_size:
                        raise RefusedError(f"holds more than {self.file.maximum_size} bytes")
                    part.write(chunk)
        except (RefusedError, WriteError):
            raise
        except Exception as error:  # of nearly every kind, by what is wrong
            raise RefusedError(
                f"is no archive that holds {self.file.name}: {_words(error)}"
            ) from error

    def _accepted(self, part: Part) -> bytes:
        """The content of a part that is the file; it is then in the cache."""
        if self.file.size is not None and part.size != self.file.size:
            raise RefusedError(f"expected {self.file.size} bytes. Received: {part.size}")
        expected, received = self.file.hash, part.digest.hexdigest()
        if expected is not None and received != expected.value:
            raise RefusedError(
                f"expected {expected.algorithm} {expected.value}. Received: {received}"
            )
        start = self.file.sha256_start
        if start and not (received.startswith(start) and received == part.stated):
            stated = part.stated or "no hash"
            raise RefusedError(
                f"expected sha256 {start}... as the Hub states it. Received: {received}, of which "
                f"it states {stated}"
            )
        content = part.content()
        part.keep(noted=expected is None)
        return content


def _agreed(head: Head, total: int | None, most: int) -> int | None:
    """The bytes that a source is to send in all, if it is known.

    Raises:
        RefusedError: it states another number than the file has.
    """
    if head.length is None:
        return total
    stated = head.start + head.length
    if (total is not None and stated != total) or stated > most:
        expected = f"{total}" if total is not None else f"at most {most}"
        raise RefusedError(f"expected {expected} bytes. Received: a length of {stated}")
    return stated


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
