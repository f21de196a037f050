"""Signals that end a command."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def ending_at_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as an error does, so that what it has opened is closed.

    The process then ends with the status that shells have for it. Only the main thread can do so.
    """

    def end(number, frame):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: it is being cleaned up
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
