"""A process that runs cases one after the other, with limits, and writes what it does as JSON."""

import contextlib
import faulthandler
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import cases
import h5py  # noqa: F401  that it is there: on its import it asks `uname`, whatever the case

MEMORY = 4 * 2**30  # bytes that a case may take; an image of 200 megapixels takes 0.6 GB
STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.system")


def work(first: int, last: int, until: float) -> None:
    """Run the cases of some seeds; each is announced, and its fault written, as a line.

    Args:
        first: the seed to begin with.
        last: the seed before which to end.
        until: when to end, as `time.time` gives it.
    """
    faulthandler.enable()
    started: list[str] = []
    sys.addaudithook(
        lambda event, words: started.append(f"{event} {words}") if event in STARTS else None
    )
    _limit_memory()
    os.environ["PATH"] = os.devnull  # nothing is started even by a fault
    for seed in range(first, last):
        if time.time() > until:
            break
        print(json.dumps({"seed": seed}), flush=True)
        started.clear()
        with _folder() as folder:
            fault = cases.run(seed, folder)
        if started:
            fault = cases.Fault(seed, fault.case if fault else "", "a process started", started[0])
        if fault is not None:
            print(json.dumps({"fault": asdict(fault)}), flush=True)


@contextlib.contextmanager
def _folder():
    """An empty folder, which is gone afterwards whatever it holds."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        yield folder
    finally:
        for path, folders, _ in os.walk(folder):
            for each in folders:
                if not os.path.islink(os.path.join(path, each)):
                    os.chmod(os.path.join(path, each), 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _limit_memory() -> None:
    """What the process has by now, and `MEMORY` more."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    work(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
