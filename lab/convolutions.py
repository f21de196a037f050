"""Times the zoo's convolutions beside Keras's on the current backend, forward and with gradients.

Run as `KERAS_BACKEND=jax python -m lab.convolutions`; on a GPU with `--batch 16 --precision
bfloat16`, as in training.
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo import layers

SIZE = (180, 240, 64)  # height, width, channels
DEPTHWISE: dict[str, dict[str, Any]] = {
    "depthwise 3x3": {"kernel_size": 3},
    "depthwise 3x3, stride 2": {"kernel_size": 3, "strides": 2},
    "depthwise 3x3, dilation 2": {"kernel_size": 3, "dilation_rate": 2},
    "depthwise 3x3, dilation 6": {"kernel_size": 3, "dilation_rate": 6},
    "depthwise 5x5": {"kernel_size": 5},
}
REPEATS = 5  # the fastest counts: what else the machine does only ever slows down
SECONDS = 0.3  # that a repeat takes about


def forms(name: str) -> dict[str, keras.Layer]:
    """The layers that are compared: Keras's, the shifted form, and what the zoo takes."""
    if name == "pointwise":
        settings: dict[str, Any] = {"filters": SIZE[2], "kernel_size": 1, "use_bias": False}
        return {"keras": keras.layers.Conv2D(**settings), "zoo": layers.FastConv2D(**settings)}
    settings = {**DEPTHWISE[name], "padding": "same", "use_bias": False}
    return {
        "keras": keras.layers.DepthwiseConv2D(**settings),
        "shifted": layers.FastDepthwiseConv2D(form="shifted", **settings),
        "zoo": layers.FastDepthwiseConv2D(**settings),
    }


def forward(layer: keras.Layer) -> Callable[[Any], Any]:
    """The layer as the backend compiles it; PyTorch runs eagerly."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(layer)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(layer)
    import torch

    return torch.no_grad()(layer)


def gradients(layer: keras.Layer) -> Callable[[Any], Any]:
    """The gradients of input and kernel, forward included; on JAX alone."""
    import jax

    def call(x):
        def outputs(x, kernel):
            return layer.stateless_call([kernel], [], x)[0]

        made, pull = jax.vjp(outputs, x, layer.trainable_variables[0].value)
        return pull(made)

    return jax.jit(call)


def milliseconds(call: Callable[[], Any]) -> float:
    """The time of a call, once it is compiled; calls are queued and waited for together."""

    def seconds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            outputs = call()
        first = outputs[0] if isinstance(outputs, tuple) else outputs
        keras.ops.convert_to_numpy(first[0, 0, 0])  # wait for the accelerator
        return (time.perf_counter() - start) / count

    seconds(2)
    count = max(1, round(SECONDS / seconds(1)))
    return 1000 * min(seconds(count) for _ in range(REPEATS))


def main() -> None:
    parser = argparse.ArgumentParser(description="The zoo's convolutions beside Keras's.")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments = parser.parse_args()
    keras.config.set_dtype_policy(arguments.precision)
    shape = (arguments.batch, *SIZE)
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    x = keras.ops.cast(keras.ops.convert_to_tensor(images), arguments.precision)
    backend = keras.backend.backend()
    passes = {"forward": forward} | ({"gradients": gradients} if backend == "jax" else {})
    table = Table(title=f"{backend}, input {shape}, {arguments.precision}, ms")
    for title in ("convolution", "pass", "Keras", "shifted", "zoo", "Keras / zoo"):
        table.add_column(title, justify="left" if title in ("convolution", "pass") else "right")
    for name in (*DEPTHWISE, "pointwise"):
        for title, compiled in passes.items():
            times = {}
            for form, layer in forms(name).items():
                layer.build(shape)
                times[form] = milliseconds(functools.partial(compiled(layer), x))
            shown = [f"{times[one]:.3f}" if one in times else "" for one in ("keras", "shifted")]
            ratio = f"{times['keras'] / times['zoo']:.2f}"
            table.add_row(name, title, *shown, f"{times['zoo']:.3f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
