"""Times the two forms of `DepthwiseConv2D` on the current backend, forward, in float32.

Run as `KERAS_BACKEND=jax python benchmarks/depthwise.py`.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo.layers import DepthwiseConv2D

SHAPE = (1, 180, 240, 64)  # batch, height, width, channels
CASES: dict[str, dict[str, Any]] = {
    "3x3": {"kernel_size": 3},
    "3x3, stride 2": {"kernel_size": 3, "strides": 2},
    "3x3, dilation 2": {"kernel_size": 3, "dilation_rate": 2},
    "3x3, dilation 6": {"kernel_size": 3, "dilation_rate": 6},
    "5x5": {"kernel_size": 5},
}
REPEATS = 5  # the fastest counts: what else the machine does only ever slows down
SECONDS = 0.3  # that a repeat takes about


def compiled(layer: keras.Layer) -> Callable[[Any], Any]:
    """The layer as the backend compiles it; PyTorch runs eagerly."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(layer)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(layer)
    import torch

    return torch.no_grad()(layer)


def milliseconds(call: Callable[[], Any]) -> float:
    """The time of a call, once it is compiled; calls are queued and waited for together."""

    def seconds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            outputs = call()
        keras.ops.convert_to_numpy(outputs[0, 0, 0])  # wait for the accelerator
        return (time.perf_counter() - start) / count

    seconds(2)
    count = max(1, round(SECONDS / seconds(1)))
    return 1000 * min(seconds(count) for _ in range(REPEATS))


def main() -> None:
    images = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    x = keras.ops.convert_to_tensor(images)
    table = Table(title=f"DepthwiseConv2D on {keras.backend.backend()}, input {SHAPE}")
    for title in ("kernel", "native ms", "shifted ms", "native / shifted"):
        table.add_column(title, justify="left" if title == "kernel" else "right")
    for name, arguments in CASES.items():
        times = []
        for form in ("native", "shifted"):
            layer = DepthwiseConv2D(form=form, padding="same", use_bias=False, **arguments)
            layer.build(SHAPE)
            function = compiled(layer)
            times.append(milliseconds(functools.partial(function, x)))
        native, shifted = times
        table.add_row(name, f"{native:.2f}", f"{shifted:.2f}", f"{native / shifted:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
