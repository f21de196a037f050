"""Worker processes that run cases, started again where one hangs or crashes."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")
SLOW = 10.0  # seconds that a case may take
START = 60.0  # seconds until the first case, as the worker has to import much


def events(first: int, last: int, until: float, script: Path = WORKER) -> Iterator[dict]:
    """What workers write of the cases, with those that hang or crash as faults among it.

    A case that takes too long is run once more, as a loaded machine may have held it up.
    """
    repeated = None
    while first < last and time.time() < until:
        words = [sys.executable, str(script), str(first), str(last), str(until)]
        seed, end = None, ""
        with tempfile.TemporaryFile() as said:
            worker = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said)
            with worker:
                for line in _lines(worker):
                    if line is None:
                        end = f"longer than {SLOW:g} s"
                        worker.send_signal(signal.SIGABRT)  # upon which it writes where it is
                        break
                    event = json.loads(line)
                    seed = event.get("seed", seed)
                    yield event
            if worker.returncode == 0:
                return
            said.seek(0)
            text = said.read().decode(errors="replace")
        if end and seed not in (None, repeated):
            first = repeated = seed
            continue
        end = end or f"the process ends with status {worker.returncode}"
        if seed is None:
            raise RuntimeError(f"Expected a worker that starts. Received: {end}: {text}")
        place = text[text.find("most recent call first") :].splitlines()[1:7]
        yield {"fault": {"seed": seed, "case": "", "what": end, "detail": "\n".join(place)}}
        first = seed + 1


def _lines(worker: subprocess.Popen) -> Iterator[bytes | None]:
    """Lines of a process; None where it is silent for too long."""
    rest, limit = b"", START
    while True:
        if not select.select([worker.stdout], [], [], limit)[0]:
            yield None
            return
        data = os.read(worker.stdout.fileno(), 65536)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        limit = SLOW
