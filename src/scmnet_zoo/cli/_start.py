"""Signals until a command begins. It imports next to nothing, so that it is there at once."""

import os
import signal

INTERRUPTED = 130  # the status that shells have for SIGINT
LINES = {signal.SIGINT: b"interrupted", signal.SIGTERM: b"ended by SIGTERM"}


def ending_at_once() -> None:
    """Until a command begins, SIGINT and SIGTERM end the process: a line, no traceback.

    Nothing is to be closed by then. A signal that is ignored, as in the background, stays so.
    """
    for number in LINES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_at_once)


def ending_as_usual() -> None:
    """From here on SIGINT raises KeyboardInterrupt, and SIGTERM ends the process silently."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _end_at_once:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_at_once(number, frame):
    os.write(2, b"scmnet-zoo: error: " + LINES[number] + b"\n")
    os._exit(128 + number)
