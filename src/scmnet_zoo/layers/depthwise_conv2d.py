"""Depthwise convolution in the form that each backend runs fastest."""

import functools
from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._padding import window
from scmnet_zoo.layers._register import register_as
from scmnet_zoo.layers._types import Tensor

FORMS = ("auto", "native", "shifted")
HALF = ("bfloat16", "float16")


@register_as("DepthwiseConv2D")
class FastDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Convolution with the arguments, weights and results of `keras.layers.DepthwiseConv2D`.

    A depthwise convolution does few operations for each byte that it reads. Keras on JAX uses XLA's
    grouped convolution, which can be many times slower than the memory allows. The *shifted* form
    shifts the padded input once for each kernel tap, multiplies it with that tap's weights, and
    sums: XLA fuses this into one pass over memory. `form="auto"` takes it on JAX, and on NVIDIA
    GPUs from Ampere on Triton kernels of this package, where the stride is 1 or 2 and each channel
    has one kernel. TensorFlow and PyTorch run their *native* kernels; on PyTorch without the two
    copies of the map that Keras makes. On PyTorch's CPU half precision is computed in float32,
    since the bfloat16 kernel of PyTorch 2.13 sometimes gives weight gradients of 1e30. `.keras` and
    HDF5 files call the layer `DepthwiseConv2D`.

    Args:
        kernel_size: int or (height, width) of the kernel.
        strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias and
            the initialisers, regularisers and constraints: as in `keras.layers.DepthwiseConv2D`.
        form: by keyword only, `"auto"` (as above), `"native"` or `"shifted"`. Only
            `data_format="channels_last"` has a shifted form; `"auto"` falls back to native.
            Defaults to `"auto"`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, new_height, new_width, channels * depth_multiplier)`.

    Raises:
        ValueError: `form` is unknown, or `"shifted"` is asked for with channels first.

    Source: Howard et al. 2017, MobileNets, arXiv 1704.04861, section 3.1 (the operation).

    Example:

    >>> x = keras.ops.ones((1, 32, 64, 8))
    >>> keras.ops.shape(FastDepthwiseConv2D(3, strides=2, padding="same")(x))
    (1, 16, 32, 8)
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *args: Any,
        form: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, *args, **kwargs)
        if form not in FORMS:
            raise ValueError(f"Expected form to be one of {FORMS}. Received: form={form!r}")
        if form == "shifted" and self.data_format != "channels_last":
            raise ValueError(
                "Expected data_format='channels_last' with form='shifted'. "
                f"Received: data_format={self.data_format!r}"
            )
        self.form = form

    def call(self, inputs: Tensor) -> Tensor:
        if keras.backend.backend() == "torch" and self.form != "shifted":
            return self._call_in_torch(inputs)
        auto_shifted = self.data_format == "channels_last" and keras.backend.backend() == "jax"
        if self.form == "native" or (self.form == "auto" and not auto_shifted):
            return super().call(inputs)
        kernel = ops.cast(self.kernel, inputs.dtype)
        ours = self.form == "auto" and _triton().takes(inputs, kernel, self.strides)
        outputs = _compiled(_triton_depthwise if ours else _shifted_depthwise)(
            inputs, kernel, self.strides, self.dilation_rate, self.padding
        )  # (batch, new_height, new_width, channels * depth_multiplier)
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def _call_in_torch(self, inputs):
        from scmnet_zoo.layers import _convolution_torch

        channels_last = self.data_format == "channels_last"
        dtype = "float32" if _is_half_on_cpu(inputs) else inputs.dtype
        rows, columns, channels, _ = self.kernel.shape
        outputs = _convolution_torch.convolution(
            ops.cast(inputs if channels_last else ops.transpose(inputs, (0, 2, 3, 1)), dtype),
            ops.cast(ops.reshape(self.kernel, (rows, columns, 1, -1)), dtype),
            ops.cast(self.bias, dtype) if self.use_bias else None,
            self.strides,
            self.padding,
            self.dilation_rate,
            channels,
        )  # (batch, new_height, new_width, channels * depth_multiplier)
        outputs = ops.cast(outputs, inputs.dtype)
        outputs = outputs if channels_last else ops.transpose(outputs, (0, 3, 1, 2))
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form}


def _is_half_on_cpu(inputs) -> bool:
    """Whether PyTorch's native kernel would compute in half precision on a CPU."""
    return (
        keras.backend.backend() == "torch"
        and inputs.device.type == "cpu"
        and keras.backend.standardize_dtype(inputs.dtype) in HALF
    )


@functools.cache
def _compiled(function):
    """The function; on JAX compiled into one program, which calls outside of `jit` need."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function, static_argnums=(2, 3, 4))


def _triton():
    """The kernels for JAX on a GPU, which only JAX can import."""
    from scmnet_zoo.layers import _depthwise_triton

    return _depthwise_triton


def _triton_depthwise(x, kernel, strides, dilation, padding, interpret=False):
    windows = tuple(
        window(size, taps, stride, rate, padding)[::2]
        for size, taps, stride, rate in zip(
            x.shape[1:3], kernel.shape[:2], strides, dilation, strict=True
        )
    )
    return _triton().depthwise(x, kernel, strides[0], dilation, windows, interpret)


def _shifted_depthwise(x, kernel, strides, dilation, padding):
    """Sum over kernel taps of the padded, shifted and strided input times that tap's weights."""
    taps_h, taps_w, channels, multiplier = kernel.shape
    height, width = ops.shape(x)[1:3]
    before_h, after_h, out_h = window(height, taps_h, strides[0], dilation[0], padding)
    before_w, after_w, out_w = window(width, taps_w, strides[1], dilation[1], padding)
    x = ops.pad(x, ((0, 0), (before_h, after_h), (before_w, after_w), (0, 0)))
    total = None
    for i in range(taps_h):
        rows = slice(i * dilation[0], i * dilation[0] + (out_h - 1) * strides[0] + 1, strides[0])
        for j in range(taps_w):
            left = j * dilation[1]
            columns = slice(left, left + (out_w - 1) * strides[1] + 1, strides[1])
            shifted = x[:, rows, columns, :]
            if multiplier == 1:
                term = shifted * kernel[i, j, :, 0]
            else:
                term = shifted[..., None] * kernel[i, j]
            total = term if total is None else total + term
    if multiplier > 1:
        total = ops.reshape(total, (-1, out_h, out_w, channels * multiplier))
    return total
