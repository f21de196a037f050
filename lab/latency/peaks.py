"""How fast this machine multiplies and copies, measured on the backend of this process."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

TYPES = {"f32": "float32", "bf16": "bfloat16"}
RUNS = 7  # of which the median counts
SIDE = {"cpu": 2048, "gpu": 8192}  # of the matrices
COPIED = {"cpu": 1 << 28, "gpu": 1 << 31}  # bytes: far more than any cache holds


@dataclass(frozen=True)
class Peaks:
    """The most that was seen of a backend.

    Attributes:
        macs: multiply-adds a second by precision, of a product of square matrices.
        bytes: read and written a second, of a copy.
    """

    macs: dict[str, float]
    bytes: float


def measure_peaks(precisions: tuple[str, ...]) -> Peaks:
    """Time a product of matrices in each precision, and a copy."""
    kind = "gpu" if _has_gpu() else "cpu"
    side = SIDE[kind]
    macs = {}
    for precision in precisions:
        if precision in TYPES:
            x = keras.random.normal((side, side), dtype=TYPES[precision], seed=1)
            macs[precision] = side**3 / _seconds(keras.ops.matmul, x, x)
    count = COPIED[kind] // 4
    source = keras.random.uniform((count // 1024, 1024), seed=2)
    seconds = _seconds(lambda x: x + 1.0, source)  # a copy might be no more than a new name
    return Peaks(macs, 2 * 4 * count / seconds)


def _seconds(function: Callable[..., Any], *arguments: Any) -> float:
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        function = jax.jit(function)
    times = []
    for _ in range(RUNS + 2):
        start = time.perf_counter()
        _wait(function(*arguments))
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def _wait(value: Any) -> None:
    backend = keras.backend.backend()
    if backend == "jax":
        value.block_until_ready()
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    elif value.is_cuda:
        import torch

        torch.cuda.synchronize()


def _has_gpu() -> bool:
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    import torch

    return torch.cuda.is_available()
