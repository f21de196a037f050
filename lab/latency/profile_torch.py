"""Where PyTorch's profiler says that the time of a module goes."""

import time
from collections.abc import Callable
from typing import Any

import torch

from lab.latency.frames import frames
from lab.latency.peers import torch_peer
from lab.latency.preset import Cell
from lab.latency.program import MEAN, STD
from lab.latency.rows import Part
from lab.latency.runtimes.torch_module import torch_program

RUNS = 10
KINDS = 12  # the largest; what else there is, is summed


def torch_splitter(cell: Cell) -> Callable[[], list[Part]]:
    """A function that sums the profiler's own times by operation, on a GPU by kernel."""
    program = torch_program(torch_peer(cell), cell.form == "compiled")
    image = frames(cell.size, 1)[0]
    placed = program.place(
        (image.astype("float32") - MEAN) / STD if cell.scope == "network" else image
    )

    def run() -> None:
        program.wait(program.call(placed))

    for _ in range(3):
        run()

    def split() -> list[Part]:
        gpu = torch.cuda.is_available()
        activity = torch.profiler.ProfilerActivity
        with torch.profiler.profile(activities=[activity.CUDA if gpu else activity.CPU]) as found:
            start = time.perf_counter()
            for _ in range(RUNS):
                run()
            whole = (time.perf_counter() - start) / RUNS
        sums = {event.key: _seconds(event, gpu) / RUNS for event in found.key_averages()}
        order = sorted(((s, key) for key, s in sums.items() if s > 0), reverse=True)
        if not order:
            raise ValueError("Expected times of PyTorch's profiler. Received: none")
        parts = [Part("kind", key, seconds) for seconds, key in order[:KINDS]]
        others = sum(seconds for seconds, _ in order[KINDS:])
        parts += [Part("kind", "others", others)] if others else []
        rest = whole - sum(part.seconds for part in parts)
        return [*parts, Part("call", "between the operations", rest)]

    return split


def _seconds(event: Any, gpu: bool) -> float:
    microseconds = event.self_device_time_total if gpu else event.self_cpu_time_total
    return microseconds / 1e6
