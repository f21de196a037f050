"""Signal handlers until a command starts. Few imports, so that they are set early."""

import os
import signal

INTERRUPTED = 130  # exit status for SIGINT, as shells have it
LINES = {signal.SIGINT: b"interrupted", signal.SIGTERM: b"ended by SIGTERM"}


def ending_at_once() -> None:
    """Make SIGINT and SIGTERM end the process with one line and no traceback.

    Meant for the time before a command starts, when nothing has to be closed. Signals that the
    process ignores, as background jobs do, stay ignored.
    """
    for number in LINES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_at_once)


def ending_as_usual() -> None:
    """Restore Python's handlers: SIGINT raises KeyboardInterrupt, SIGTERM ends the process."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _end_at_once:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_at_once(number, frame):
    os.write(2, b"scmnet-zoo: error: " + LINES[number] + b"\n")
    os._exit(128 + number)
