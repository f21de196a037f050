"""Training steps, of the zoo's network and of the same network in plain PyTorch."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lab.latency.frames import frames
from lab.latency.preset import Cell

CLASSES = 11  # those of CamVid
ROUNDS = 3  # that count, after one
WARMING = 3  # steps while others compile
PRECISIONS = {"f32": "float32", "bf16": "mixed_bfloat16"}


class Training:
    """A training step that has been compiled.

    Args:
        cell: network `"scmnet"` or another of the zoo by its CamVid recipe, augmentation included,
            or `"torch_scmnet"`, compiled with autocast, without augmentation.
        steps: in a round.

    Raises:
        ValueError: there is no such training step.
    """

    def __init__(self, cell: Cell, steps: int):
        if cell.precision not in PRECISIONS:
            raise ValueError(f"Expected f32 or bf16 in training. Received: {cell.precision}")
        self._compiled, self._go = threading.Event(), threading.Event()
        self._found: list[float] = []
        self._memory: int | None = None
        self._error: Exception | None = None
        work = _torch if cell.network == "torch_scmnet" else _keras
        self._thread = threading.Thread(target=self._run, args=(work, cell, steps), daemon=True)
        self._thread.start()
        self._compiled.wait()
        self._raise()

    def rounds(self) -> tuple[list[float], int | None]:
        """Seconds a step in each of several rounds, and the most memory that a GPU held."""
        self._go.set()
        self._thread.join()
        self._raise()
        return self._found, self._memory

    def _run(self, work: Callable[..., tuple[list[float], int | None]], cell, steps) -> None:
        try:
            self._found, self._memory = work(cell, steps, self._wait)
        except Exception as error:
            self._error = error
        finally:
            self._compiled.set()

    def _wait(self) -> None:
        self._compiled.set()
        self._go.wait()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


def _keras(cell: Cell, steps: int, compiled: Callable[[], None]) -> tuple[list[float], int | None]:
    from lab.latency.training import RUNNING, step_time

    precision, steps = PRECISIONS[cell.precision], max(steps, RUNNING)
    timed = step_time(cell.network, cell.size, cell.batch, precision, steps, compiled)
    return list(timed.rounds), _keras_memory()


def _keras_memory() -> int | None:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return None


def _torch(cell: Cell, steps: int, compiled: Callable[[], None]) -> tuple[list[float], int | None]:
    import torch

    gpu = torch.cuda.is_available()
    step = _torch_step(cell, "cuda" if gpu else "cpu")

    def one_round(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            step()
        if gpu:
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / count

    one_round(min(WARMING, steps))  # compiles
    compiled()
    one_round(steps)
    rounds = [one_round(steps) for _ in range(ROUNDS)]
    return rounds, torch.cuda.max_memory_allocated() if gpu else None


def _torch_step(cell: Cell, device: str) -> Callable[[], None]:
    """A function that does a training step on frames that are on the device."""
    import torch

    from lab.latency.torch_scmnet import SCMNet

    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    model: Any = SCMNet(CLASSES).to(device)
    model = model.to(memory_format=torch.channels_last).train()
    compiled = torch.compile(model) if device == "cuda" or cell.form == "compiled" else model
    optimiser = torch.optim.AdamW(
        model.parameters(), 1e-3, weight_decay=2e-4, fused=device == "cuda"
    )
    images = np.concatenate(frames(cell.size, cell.batch)).transpose(0, 3, 1, 2).astype(np.float32)
    x = torch.from_numpy(images / 127.5 - 1).to(device, memory_format=torch.channels_last)
    blocks = np.random.default_rng(0).integers(0, CLASSES, (cell.batch, 8, 8))
    tall, wide = (-(-side // 8) for side in cell.size)
    labels = blocks.repeat(tall, 1).repeat(wide, 2)[:, : cell.size[0], : cell.size[1]]
    y = torch.from_numpy(np.ascontiguousarray(labels)).to(device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=cell.precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(compiled(x), y, ignore_index=255)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step
