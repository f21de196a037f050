"""A depthwise convolution in Triton, through Pallas, timed against the shifted form on a GPU.

Run as `KERAS_BACKEND=jax python benchmarks/depthwise_triton.py`, on an NVIDIA GPU. A candidate for
JAX: the package does not use it. It is the forward pass, and with the kernel turned round the
gradient of the input at stride 1; the gradient of the kernel is not here.
"""

import functools
import time

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from rich.console import Console
from rich.table import Table

from scmnet_zoo.layers.depthwise_conv2d import _shifted_depthwise, _window

# Shape, stride, dilation: of the layers of SCMNet in a training step of 16 windows of 360x480, and
# the finest one of an image of 1024x2048.
CASES = (
    ((16, 180, 240, 64), 1, 2),
    ((16, 180, 240, 24), 2, 1),
    ((16, 45, 60, 288), 1, 1),
    ((16, 23, 30, 384), 1, 1),
    ((1, 512, 1024, 64), 1, 2),
)
COLUMNS, CHANNELS, WARPS = 64, 64, 4  # of a program; the fastest of those tried on an H200
REPEATS, CALLS = 3, 50


def depthwise(x, kernel, stride, dilation, interpret=False):
    """A depthwise convolution with "same" padding, summed in float32.

    A program makes some columns of a row of the output, in some channels.

    Args:
        x: (batch, height, width, channels).
        kernel: (taps, taps, channels).
        stride, dilation: of both axes.
        interpret: run the program without a GPU, slowly.
    """
    batch, height, width, count = x.shape
    taps = len(kernel)
    top, _, rows = _window(height, taps, stride, dilation, "same")
    left, _, columns = _window(width, taps, stride, dilation, "same")
    wide = max(16, min(COLUMNS, pl.next_power_of_2(columns)))
    deep = min(CHANNELS, pl.next_power_of_2(count))

    def program(x_ref, kernel_ref, out_ref):
        line = pl.program_id(0)
        image, row = jax.lax.div(line, rows), jax.lax.rem(line, rows)
        column = pl.program_id(1) * wide + jnp.arange(wide)
        channel = pl.program_id(2) * deep + jnp.arange(deep)
        there = channel < count
        total = jnp.zeros((wide, deep), jnp.float32)
        for i in range(taps):
            y = row * stride + i * dilation - top
            for j in range(taps):
                z = column * stride + j * dilation - left
                inside = ((z >= 0) & (z < width) & (y >= 0) & (y < height))[:, None] & there[None]
                at = ((image * height + y) * width + z)[:, None] * count + channel[None]
                values = triton.load(x_ref.at[at], mask=inside, other=0.0)
                weight = triton.load(
                    kernel_ref.at[(i * taps + j) * count + channel], mask=there, other=0.0
                )
                total += values.astype(jnp.float32) * weight.astype(jnp.float32)[None]
        at = (line * columns + column)[:, None] * count + channel[None]
        inside = (column < columns)[:, None] & there[None]
        triton.store(out_ref.at[at], total.astype(out_ref.dtype), mask=inside)

    out = pl.pallas_call(
        program,
        out_shape=jax.ShapeDtypeStruct((batch * rows * columns * count,), x.dtype),
        grid=(batch * rows, pl.cdiv(columns, wide), pl.cdiv(count, deep)),
        interpret=interpret,
        compiler_params=triton.CompilerParams(num_warps=WARPS, num_stages=1),
    )(x.reshape(-1), kernel.reshape(-1))
    return out.reshape(batch, rows, columns, count)


def milliseconds(function, *arguments) -> float:
    """The time of a call, once it is compiled; calls are queued and waited for together."""
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(CALLS):
            result = function(*arguments)
        jax.block_until_ready(result)
        times.append((time.perf_counter() - start) / CALLS)
    return 1000 * min(times)


def main() -> None:
    device = jax.devices()[0].device_kind
    table = Table(title=f"depthwise 3x3, bfloat16, {device}, ms")
    for title in ("input", "stride", "dilation", "shifted", "Triton", "copy"):
        table.add_column(title, justify="right")
    for shape, stride, dilation in CASES:
        x = jax.random.normal(jax.random.key(0), shape, jnp.bfloat16)
        kernel = jax.random.normal(jax.random.key(1), (3, 3, shape[3]), jnp.bfloat16)

        def shifted(x, kernel, stride=stride, dilation=dilation):
            pair = (stride, stride), (dilation, dilation)
            return _shifted_depthwise(x, kernel[..., None], *pair, "same")

        ours = jax.jit(functools.partial(depthwise, stride=stride, dilation=dilation))
        times = (
            milliseconds(jax.jit(shifted), x, kernel),
            milliseconds(ours, x, kernel),
            milliseconds(jax.jit(lambda x: x + 1), x),
        )
        row = ("x".join(map(str, shape)), str(stride), str(dilation))
        table.add_row(*row, *(f"{one:.3f}" for one in times))
    Console().print(table)


if __name__ == "__main__":
    main()
