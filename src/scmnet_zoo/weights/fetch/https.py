"""The bytes behind one https URL, within limits that no server can stretch."""

import contextlib
import dataclasses
import datetime
import email.utils
import errno
import queue
import re
import socket
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from scmnet_zoo._version import __version__

CHUNK = 1 << 16
HUBS_HASH = "X-Linked-Etag"  # the SHA-256 of a large file, in the Hub's answer before it redirects
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
TRY_AGAIN = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Limits:
    """How long a download may take; times in seconds.

    Attributes:
        connect: for a connection.
        read: without a byte.
        deadline: for a file, with all waits, attempts and sources.
        least_rate: bytes a second, over each `window`; a slower source is left.
        window: see `least_rate`.
        attempts: at one source that bring less than `progress`.
        progress: bytes.
        backoff: before the second attempt; it doubles from attempt to attempt.
        longest_wait: between attempts, whatever a server asks for.
        lock: for another process that is downloading the same file.
    """

    connect: float = 10.0
    read: float = 20.0
    deadline: float = 3600.0
    least_rate: float = 2_000.0
    window: float = 30.0
    attempts: int = 4
    progress: int = 1_000_000
    backoff: float = 0.5
    longest_wait: float = 30.0
    lock: float = 120.0


class RefusedError(Exception):
    """A source does not have the file, or cannot be trusted with it."""


class BrokenError(Exception):
    """A transfer broke off that may succeed again; `wait` is what the server asks for."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class ChangedError(BrokenError):
    """What is there of the file has no rest; it can come again from the beginning."""


class NoNetworkError(Exception):
    """This machine has no network at all."""


@dataclass(frozen=True)
class Head:
    """A successful answer; its body follows.

    Attributes:
        start: which byte of the file the body starts with.
        length: bytes of the body, if the server says so.
        version: what to give to have the rest of the same content later, if the server says so.
        sha256: of the whole file, if the first host says so as the Hugging Face Hub does.
    """

    start: int
    length: int | None
    version: str | None
    sha256: str | None = None


def stream(
    url: str, token: str | None, start: int, version: str | None, deadline: float, limits: Limits
) -> Generator[Head | bytes]:
    """A `Head`, then the body in pieces.

    A thread does the waiting, so that neither a name server nor a drip of headers can hold the
    caller beyond the deadline.

    Args:
        url: https only, and so are those that it redirects to.
        token: credentials for the URL's host, and for no other.
        start: byte to start with, if the content is still of the `version` of its `Head`.
        version: see `start`.
        deadline: on the clock of `time.monotonic`.
        limits: see there.

    Raises:
        RefusedError: another source is to be asked.
        BrokenError: the same can be asked again, after a ChangedError from the beginning.
        NoNetworkError: none can be asked.
    """
    pieces: queue.Queue = queue.Queue(maxsize=8)
    left = threading.Event()

    def put(piece) -> None:
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                return pieces.put(piece, timeout=0.1)
        raise InterruptedError

    def work() -> None:
        try:
            response, sha256 = _open(url, token, start, version, limits)
            with contextlib.closing(response):
                put(dataclasses.replace(_head(response, start, version), sha256=sha256))
                while chunk := response.raw.read1(CHUNK, decode_content=False):
                    put(chunk)
            put(None)
        except Exception as error:
            with contextlib.suppress(InterruptedError):
                put(_translated(error))

    threading.Thread(target=work, daemon=True, name="scmnet-zoo download").start()
    # A drip of headers brings no piece and trips no other limit.
    patience = limits.connect + limits.read + limits.window
    try:
        since, received = time.monotonic(), 0
        while True:
            left_over = deadline - time.monotonic()
            try:
                piece = pieces.get(timeout=max(0.0, min(left_over, patience)))
            except queue.Empty:
                if left_over <= patience:
                    raise RefusedError("the time for the download is over") from None
                raise RefusedError("does not answer in time") from None
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            yield piece
            received += len(piece) if isinstance(piece, bytes) else 0
            now = time.monotonic()
            if now - since > limits.window:
                if received < limits.least_rate * (now - since):
                    raise RefusedError(f"slower than {limits.least_rate:.0f} bytes a second")
                since, received = now, 0
    finally:
        left.set()


def _open(url, token, start, version, limits) -> tuple[requests.Response, str | None]:
    """The answer to a request, after redirects, and the SHA-256 that the first host states.

    The body of the answer is not read, nor is that of a redirect.
    """
    sha256 = None
    session = requests.Session()
    headers = {"Accept-Encoding": "identity", "User-Agent": f"scmnet-zoo/{__version__}"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": version} if version else {})
    first_host = urlsplit(url).netloc
    for _ in range(1 + MOST_REDIRECTS):
        if urlsplit(url).scheme != "https" or "@" in urlsplit(url).netloc:
            raise RefusedError(f"expected https without credentials. Received: {url[:200]}")
        of_host = {}
        if token is not None and urlsplit(url).netloc == first_host:
            of_host["Authorization"] = f"Bearer {token}"
        # A function as `auth` keeps .netrc out.
        request = requests.Request("GET", url, {**headers, **of_host}, auth=lambda one: one)
        prepared = session.prepare_request(request)
        settings = session.merge_environment_settings(url, {}, True, None, None)
        timeout = (limits.connect, limits.read)
        adapter = session.get_adapter(url)
        response = adapter.send(prepared, timeout=timeout, **settings)
        stated = re.fullmatch('"?([0-9a-f]{64})"?', response.headers.get(HUBS_HASH, ""))
        if stated and urlsplit(url).netloc == first_host:
            sha256 = stated[1]
        if response.status_code not in REDIRECTS or "Location" not in response.headers:
            return response, sha256
        response.close()
        url = urljoin(url, response.headers["Location"])
    raise RefusedError(f"redirects more than {MOST_REDIRECTS} times")


def _head(response: requests.Response, start: int, wanted: str | None) -> Head:
    """What an answer says of its body, which is of the `wanted` version unless it is whole.

    Raises:
        RefusedError, BrokenError: it is none that has the file.
    """
    status, headers = response.status_code, response.headers
    if status in TRY_AGAIN:
        raise BrokenError(f"answered {status}", _wait(headers.get("Retry-After")))
    if status == 416 and start:
        raise ChangedError(f"answered {status}")
    if status not in (200, 206):
        raise RefusedError(f"answered {status}")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError(f"sent {headers['Content-Encoding'][:40]} instead of the file as it is")
    if headers.get("Content-Type", "").lower().startswith("text/html"):
        raise RefusedError("sent a web page instead of the file")
    text = headers.get("Content-Length")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RefusedError(f"states a length of {text[:40]!r}")
    if status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise RefusedError("sent another part of the file than asked for")
    version = headers.get("ETag", "")
    if status == 206 and start and version != wanted:
        raise ChangedError("sent a part of another version of the file")
    return Head(
        start=start if status == 206 else 0,
        length=None if text is None else int(text),
        version=version if version.startswith('"') else None,  # weak ones are no promise
    )


def _wait(text: str | None) -> float | None:
    """The seconds of a Retry-After, a number or a date; None for anything else."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text) if len(text) < 12 else float("inf")
    try:
        when = email.utils.parsedate_to_datetime(text)
        now = datetime.datetime.now(when.tzinfo or datetime.UTC)
        return max(0.0, (when.replace(tzinfo=now.tzinfo) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _translated(error: Exception) -> Exception:
    """What an error of the libraries below means to a caller."""
    if isinstance(error, RefusedError | BrokenError):
        return error
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return RefusedError(f"TLS: {_root(error)}")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return BrokenError("does not answer in time")
    if isinstance(error, requests.exceptions.ProxyError):
        return BrokenError(f"the proxy: {_root(error)}")
    if isinstance(error, requests.ConnectionError | OSError | urllib3.exceptions.ProtocolError):
        # requests' own errors of wrong URLs and headers are ValueErrors besides
        if isinstance(error, ValueError):
            return RefusedError(_root(error))
        if isinstance(error, requests.ConnectionError) and not _has_network():
            return NoNetworkError("this machine has no network")
        return BrokenError(f"the connection broke: {_root(error)}")
    return RefusedError(_root(error))


def _root(error: BaseException) -> str:
    """The innermost reason of a chain of errors, in a line."""
    seen = [error]
    while True:
        reason = getattr(seen[-1], "reason", None)
        inner = reason if isinstance(reason, BaseException) else seen[-1].__cause__
        inner = inner or next((a for a in seen[-1].args if isinstance(a, BaseException)), None)
        if inner is None or inner in seen:
            break
        seen.append(inner)
    text = getattr(seen[-1], "strerror", None) or str(seen[-1]) or type(seen[-1]).__name__
    return " ".join(str(text).split())[:200]


def _has_network() -> bool:
    """Whether this machine has a route to anywhere; nothing is sent.

    A loopback interface alone has none. The addresses are of blocks that are set aside for
    documentation.
    """
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
                return True
        except OSError as error:
            if error.errno not in (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return True
    return False
