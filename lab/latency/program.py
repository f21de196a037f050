"""A network in a runtime, ready to run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.latency.frames import Files, frames, read_photos, read_video
from lab.latency.preset import Cell

MEAN = np.array((123.675, 116.28, 103.53), np.float32)  # of ImageNet, for scope "network"
STD = np.array((58.395, 57.12, 57.375), np.float32)
LEAST_RUNS = 2


def _same(value: Any) -> Any:
    return value


def _nothing(value: Any) -> None:
    pass


def _unknown() -> None:
    return None


@dataclass(frozen=True)
class Program:
    """A network in a runtime.

    Attributes:
        call: runs it on what `place` gave.
        place: brings an array `(1, height, width, 3)` to the device, in the layout it wants.
        wait: until a result is there.
        fetch: brings a result to the host's memory.
        memory: bytes that it takes at most, None where the runtime does not say.
    """

    call: Callable[[Any], Any]
    place: Callable[[np.ndarray], Any] = _same
    wait: Callable[[Any], None] = _nothing
    fetch: Callable[[Any], np.ndarray] = np.asarray
    memory: Callable[[], int | None] = _unknown


def runs_of(program: Program, cell: Cell, files: Files) -> Callable[[], None]:
    """A function that does what the cell times, once, on the next image.

    Raises:
        ValueError: a video is asked for and there is none.
    """
    if cell.scope in ("network", "mask"):
        images = frames(cell.size)
        if cell.scope == "network":
            images = [(image.astype(np.float32) - MEAN) / STD for image in images]
        placed = [program.place(image) for image in images]
        turn = iter(range(1 << 62))

        def on_device() -> None:
            program.wait(program.call(placed[next(turn) % len(placed)]))

        return on_device
    source: Iterator[np.ndarray] = read_photos(files.photos)
    if cell.scope == "video":
        if files.video is None:
            raise ValueError("Expected OpenCV, which reads videos. Received: none installed")
        source = read_video(files.video)

    def from_file() -> None:
        program.fetch(program.call(program.place(next(source))))

    return from_file


def timed(run: Callable[[], None], runs: int, seconds: float) -> list[float]:
    """The seconds of each of several runs, after one that is not counted.

    Args:
        run: what is timed.
        runs: how many at most.
        seconds: after which no more are begun, unless there are fewer than two.
    """
    run()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < runs:
        start = time.perf_counter()
        if len(times) >= LEAST_RUNS and start - begin > seconds:
            break
        run()
        times.append(time.perf_counter() - start)
    return times
