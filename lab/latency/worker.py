"""A process that holds networks in a runtime, waits, and computes when asked."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lab.latency.frames import Files
from lab.latency.memory import give_back
from lab.latency.preset import Cell, program_of
from lab.latency.program import Program, runs_of, timed
from lab.latency.rows import Part
from scmnet_zoo.environment import forget_peak, resident, resident_peak

LONGEST = 160  # characters of a message
PACKAGES = ("keras", "tensorflow", "jax", "torch", "onnxruntime", "openvino", "ai_edge_litert")


@dataclass(frozen=True)
class Prepared:
    """What is known of a cell before it is timed.

    Attributes:
        seconds: that compiling, loading and the first runs took.
        memory: bytes that it takes at most: of the GPU, else of this process beyond what it
            held before.
    """

    seconds: float
    memory: int | None


_held: dict[int, tuple[Cell, Callable[[], None]]] = {}
_programs: dict[Cell, Program] = {}
_training: Any = None
_split: Any = None
_threads = 1


def prepare(number: int, cell: Cell, path: Path | None, files: Files) -> Prepared:
    """Load or build a cell's network and run it twice."""
    start = time.perf_counter()
    before = resident()
    forget_peak()
    key = program_of(cell)
    shared = key in _programs
    if not shared:
        _programs[key] = _program(cell, path)
    program = _programs[key]
    run = runs_of(program, cell, files)
    run()
    forget_peak()  # of running alone, as compilers take more
    run()
    peak, needs = resident_peak(), program.memory()
    if needs is None and not shared and before is not None and peak is not None:
        needs = max(peak - before, 0)
    _held[number] = (cell, run)
    return Prepared(time.perf_counter() - start, needs)


def _program(cell: Cell, path: Path | None) -> Program:
    if path is not None:
        from lab.latency.runtimes.files import file_program

        return file_program(cell, path, _threads)
    if cell.form in ("eager", "compiled"):
        from lab.latency.peers import torch_peer
        from lab.latency.runtimes.torch_module import torch_program

        return torch_program(torch_peer(cell), cell.form == "compiled")
    from lab.latency.runtimes.keras_backend import keras_program

    return keras_program(cell)


def turn(number: int, runs: int, seconds: float) -> list[float]:
    """Time some runs of a prepared cell."""
    return timed(_held[number][1], runs, seconds)


def release(number: int) -> None:
    """Forget a cell."""
    _held.pop(number, None)
    used = {program_of(cell) for cell, _ in _held.values()}
    unused = set(_programs) - used
    for key in unused:
        del _programs[key]
    if unused:
        give_back()


def prepare_train(cell: Cell, steps: int) -> float:
    """Compile a training step; returns how many seconds that took."""
    from lab.latency.train_step import Training

    global _training
    start = time.perf_counter()
    _training = Training(cell, steps)
    return time.perf_counter() - start


def train() -> tuple[list[float], int | None]:
    """Time the training steps that were prepared: seconds a step, by round, and memory."""
    return _training.rounds()


def prepare_profile(cell: Cell, path: Path | None) -> float:
    """Compile what a cell's time is split with; returns how many seconds that took."""
    from lab.latency.profiles import splitter

    global _split
    start = time.perf_counter()
    _split = splitter(cell, path, _threads)
    return time.perf_counter() - start


def split() -> list[Part]:
    """Split the time of the cell that was prepared."""
    return _split()


def export(cell: Cell, path: Path) -> None:
    """Write a cell's network to a file."""
    from lab.latency.exports import export_cell

    try:
        export_cell(cell, path)
    finally:
        if "keras" in sys.modules:
            sys.modules["keras"].backend.clear_session()
        give_back()


# Answers are of plain types where their own would make the asking process import Keras.


def floors(cell: Cell, wanted: Sequence[tuple[tuple[int, int], str]]) -> list[tuple[int, int]]:
    """Multiply-adds and bytes that the cell's network cannot do without, at sizes in precisions."""
    from lab.latency.floor import floor
    from lab.latency.networks import zoo_network
    from scmnet_zoo.deploy import fuse

    model, models = zoo_network(cell), {}
    output = "logits" if cell.scope == "network" else "mask"
    found = []
    for size, precision in wanted:
        if size not in models:
            models[size] = fuse(model, output, size)
        count = floor(models[size], precision)
        found.append((count.macs, count.bytes))
    return found


def peaks(precisions: tuple[str, ...]) -> tuple[dict[str, float], float]:
    """Multiply-adds a second by precision, and bytes a second, of this process's backend."""
    from lab.latency.peaks import measure_peaks

    found = measure_peaks(precisions)
    return found.macs, found.bytes


def session() -> dict[str, str]:
    """Versions of what is loaded in this process, and its devices."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "__version__"):
            found[name] = str(module.__version__)
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        found["gpu"] = sys.modules["torch"].cuda.get_device_name(0)
    elif "jax" in sys.modules and sys.modules["jax"].default_backend() == "gpu":
        found["gpu"] = sys.modules["jax"].devices()[0].device_kind
    return found


REQUESTS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(prepare, turn, release, prepare_train, train, prepare_profile, split),
        *(export, floors, peaks, session),
    )
}


def main() -> None:
    """Answer requests from the pipe until it is closed."""
    global _threads
    pipe, _threads = Connection(int(sys.argv[1])), int(sys.argv[2])
    _bind(_threads)
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            request, arguments = pipe.recv()
            try:
                answer = True, REQUESTS[request](*arguments)
            except Exception as error:
                answer = False, message_of(error)
            pipe.send(answer)
    os._exit(0)  # some runtimes crash when they are taken down


def message_of(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error.name.partition('.')[0]} is not installed"
    line = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        line = f"{type(error).__name__}: {line}"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _bind(threads: int) -> None:
    """To as many cores as there are threads: not every runtime can be told their number."""
    with contextlib.suppress(AttributeError, OSError):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
    if os.environ.get("KERAS_BACKEND") == "torch":
        with contextlib.suppress(ImportError):
            import torch

            torch.set_num_threads(threads)
