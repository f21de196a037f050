"""Signals that end a command."""

import contextlib
import signal
import threading
from collections.abc import Iterator

from scmnet_zoo.cli._start import LINES


@contextlib.contextmanager
def heeding_signals() -> Iterator[None]:
    """What SIGINT or SIGTERM raises in the block ends it.

    Imports of compiled modules make another error of it, or go on.
    """
    raised: list[BaseException] = []

    def keeping(handler):
        def call(number, frame):
            try:
                handler(number, frame)
            except BaseException as error:
                raised.append(error)
                raise

        return call

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in LINES}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, keeping(handler))
    try:
        yield
    except BaseException:
        if not raised:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if raised:
        raise raised[0]


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
