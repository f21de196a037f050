"""Depthwise convolution for JAX on an NVIDIA GPU: two Triton kernels, written in Pallas.

XLA makes one pass over memory of the shifted form, and then nine more for the gradient of the
kernel. Here the forward pass is one kernel, and both gradients are another, which reads the
gradient of the output once for the two of them. Only JAX imports this module.
"""

import functools

import jax
import jax.numpy as jnp
import keras
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

STRIDES = (1, 2)
LARGEST = 2**31 - 1  # values of a map: places are counted in 32 bits
AMPERE = 8.0  # the first generation for which XLA has Triton
# Columns and channels of a program's tile; the fastest of those tried on an H100.
FORWARD = (64, 64)
BACKWARD = (16, 64)
PROGRAMS = 1024  # about, of the backward pass


def takes(x, kernel, strides) -> bool:
    """Whether the kernels do a convolution: a GPU to run on, and a shape that they know.

    Not where Keras spreads arrays over devices: XLA cannot cut these kernels up.
    """
    return (
        _ampere(_device())
        and kernel.shape[3] == 1
        and strides[0] == strides[1]
        and strides[0] in STRIDES
        and all(isinstance(side, int) and side > 0 for side in x.shape)
        and x.size <= LARGEST
        and keras.distribution.distribution() is None
    )


def _device():
    """The device that JAX computes on: within `keras.device("cpu")` not the GPU."""
    chosen = getattr(jax.config, "jax_default_device", None)
    if chosen is None or isinstance(chosen, str):
        return jax.devices(chosen)[0]
    return chosen


def _ampere(device) -> bool:
    """Whether a device is an NVIDIA GPU for which XLA has Triton."""
    return "NVIDIA" in device.device_kind and float(device.compute_capability) >= AMPERE


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def depthwise(x, kernel, stride, dilation, windows, interpret=False):
    """A depthwise convolution, summed in float32.

    Args:
        x: (batch, height, width, channels).
        kernel: (taps, taps, channels, 1), of x's type.
        stride: of both axes, 1 or 2.
        dilation: (of rows, of columns).
        windows: for rows and columns the padding before and the number of outputs.
        interpret: run the programs without a GPU, slowly.
    """
    batch, height, width, count = x.shape
    (top, rows), (left, columns) = windows
    wide, deep = _tile(FORWARD, columns, count)
    taps = [(i, j) for i in range(kernel.shape[0]) for j in range(kernel.shape[1])]

    def body(x_ref, kernel_ref, out_ref):
        line = pl.program_id(0)
        image, row = lax.div(line, rows), lax.rem(line, rows)
        column = pl.program_id(1) * wide + jnp.arange(wide)
        channel, there = _channels(pl.program_id(2), deep, count)
        total = jnp.zeros((wide, deep), jnp.float32)
        for tap, (i, j) in enumerate(taps):
            y = row * stride + (i * dilation[0] - top)
            z = column * stride + (j * dilation[1] - left)
            inside = (z >= 0) & (z < width) & (y >= 0) & (y < height)
            at = ((image * height + y) * width + z)[:, None] * count + channel[None]
            values = _load(x_ref, at, inside[:, None] & there[None])
            total += values * _load(kernel_ref, tap * count + channel, there)[None]
        at = (line * columns + column)[:, None] * count + channel[None]
        inside = (column < columns)[:, None] & there[None]
        triton.store(out_ref.at[at], total.astype(out_ref.dtype), mask=inside)

    out = pl.pallas_call(
        body,
        out_shape=jax.ShapeDtypeStruct((batch * rows * columns * count,), x.dtype),
        grid=(batch * rows, pl.cdiv(columns, wide), pl.cdiv(count, deep)),
        interpret=interpret,
        compiler_params=triton.CompilerParams(num_warps=4, num_stages=1),
        name="depthwise",
    )(x.reshape(-1), kernel.reshape(-1))
    return out.reshape(batch, rows, columns, count)


def _forward(x, kernel, stride, dilation, windows, interpret):
    return depthwise(x, kernel, stride, dilation, windows, interpret), (x, kernel)


def _backward(stride, dilation, windows, interpret, kept, gradient):
    """Gradients of x and of the kernel.

    A program goes over some lines of x, in some channels, and keeps sums for the kernel of its
    own; XLA adds them up.
    """
    x, kernel = kept
    batch, height, width, count = x.shape
    (top, rows), (left, columns) = windows
    wide, deep = _tile(BACKWARD, width, count)
    taps = [(i, j) for i in range(kernel.shape[0]) for j in range(kernel.shape[1])]
    across, blocks = pl.cdiv(width, wide), pl.cdiv(count, deep)
    tiles = batch * height * across  # of all lines, one after another
    each = max(1, tiles * blocks // PROGRAMS)  # tiles of a program
    programs = pl.cdiv(tiles, each)

    def body(x_ref, kernel_ref, gradient_ref, dx_ref, sums_ref):
        program = pl.program_id(0)
        channel, there = _channels(pl.program_id(1), deep, count)
        weights = [_load(kernel_ref, tap * count + channel, there) for tap in range(len(taps))]

        def tile(turn, sums):
            number = program * each + turn
            line = lax.div(number, across)
            column = lax.rem(number, across) * wide + jnp.arange(wide)
            image, row = lax.div(line, height), lax.rem(line, height)
            inside = (column < width) & (number < tiles)
            at = (line * width + column)[:, None] * count + channel[None]
            mask = inside[:, None] & there[None]
            values = _load(x_ref, at, mask)
            total = jnp.zeros((wide, deep), jnp.float32)
            added = []
            for (i, j), weight, one in zip(taps, weights, sums, strict=True):
                # The output that this tap of x went to, if there is one.
                y, row_there = _source(row + (top - i * dilation[0]), stride, rows)
                z, column_there = _source(column + (left - j * dilation[1]), stride, columns)
                here = (inside & row_there & column_there)[:, None] & there[None]
                from_ = ((image * rows + y) * columns + z)[:, None] * count + channel[None]
                up = _load(gradient_ref, from_, here)
                total += up * weight[None]
                added.append(one + up * values)
            triton.store(dx_ref.at[at], total.astype(dx_ref.dtype), mask=mask)
            return tuple(added)

        zeros = tuple(jnp.zeros((wide, deep), jnp.float32) for _ in taps)
        sums = lax.fori_loop(0, each, tile, zeros)
        for tap, one in enumerate(sums):
            at = (program * len(taps) + tap) * count + channel
            triton.store(sums_ref.at[at], jnp.sum(one, axis=0), mask=there)

    dx, sums = pl.pallas_call(
        body,
        out_shape=(
            jax.ShapeDtypeStruct((x.size,), x.dtype),
            jax.ShapeDtypeStruct((programs * len(taps) * count,), jnp.float32),
        ),
        grid=(programs, blocks),
        interpret=interpret,
        compiler_params=triton.CompilerParams(num_warps=deep // 8, num_stages=1),
        name="depthwise_gradients",
    )(x.reshape(-1), kernel.reshape(-1), gradient.reshape(-1))
    sums = sums.reshape(programs, -1).sum(axis=0)
    return dx.reshape(x.shape), sums.reshape(kernel.shape).astype(kernel.dtype)


depthwise.defvjp(_forward, _backward)


def _tile(most, columns, count):
    """Columns and channels of a tile, powers of two from 16 up."""
    wide, deep = most
    return (
        min(wide, max(16, pl.next_power_of_2(columns))),
        min(deep, max(16, pl.next_power_of_2(count))),
    )


def _channels(block, deep, count):
    """The channels of a block, and which of them there are."""
    channel = block * deep + jnp.arange(deep)
    return channel, channel < count


def _source(scaled, stride, count):
    """Where an output lies that a stride brings to a place, and whether there is one."""
    if stride == 1:
        return scaled, (scaled >= 0) & (scaled < count)
    index = lax.shift_right_arithmetic(scaled, jnp.full_like(scaled, 1))
    return index, (scaled >= 0) & (index < count) & (scaled == 2 * index)


def _load(ref, at, mask):
    return triton.load(ref.at[at], mask=mask, other=0.0).astype(jnp.float32)
