"""Context managers for the signals that end a command."""

import contextlib
import signal
import threading
from collections.abc import Iterator

from scmnet_zoo.cli._start import LINES


@contextlib.contextmanager
def heeding_signals() -> Iterator[None]:
    """Raise again, at the end of the block, what a handler of SIGINT or SIGTERM raised in it.

    Imports of compiled modules replace such an exception by another, or ignore it.
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
    """Make SIGTERM raise SystemExit in the block, so that open files are closed and removed.

    The exit status is 143, as shells have it for SIGTERM. Outside the main thread, which alone can
    set signal handlers, the block is left unchanged.
    """

    def end(number, frame):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the cleanup
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
