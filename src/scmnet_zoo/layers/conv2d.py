"""Convolution in the form that each backend runs fastest."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register_as
from scmnet_zoo.layers._types import Tensor


@register_as("Conv2D")
class FastConv2D(keras.layers.Conv2D):
    """Convolution with the arguments, weights and results of `keras.layers.Conv2D`.

    On JAX a 1x1 convolution with stride 1 is a product of matrices, which XLA can fuse with the
    operations before and after it. On PyTorch the convolution reads a view of the map, where Keras
    makes two copies of it. TensorFlow runs Keras's convolution, except for a 1x1 convolution in
    groups, which TensorFlow's CPU kernels do not support without XLA: that is one product of
    matrices for each group. `.keras` and HDF5 files call the layer `Conv2D`.

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation,
            use_bias and the initialisers, regularisers and constraints: as in
            `keras.layers.Conv2D`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, new_height, new_width, filters)`.

    Source: Lin, Chen, Yan 2013, Network In Network, arXiv 1312.4400, section 3.2 (the pointwise
    convolution as a product at each pixel).

    Example:

    >>> x = keras.ops.ones((1, 32, 64, 8))
    >>> keras.ops.shape(FastConv2D(16, 1)(x))
    (1, 32, 64, 16)
    """

    def call(self, inputs: Tensor) -> Tensor:
        if keras.backend.backend() != "torch" or self.data_format != "channels_last":
            return super().call(inputs)
        from scmnet_zoo.layers import _convolution_torch

        outputs = _convolution_torch.convolution(
            inputs,
            ops.cast(self.kernel, inputs.dtype),
            ops.cast(self.bias, inputs.dtype) if self.use_bias else None,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.groups,
        )  # (batch, new_height, new_width, filters)
        return outputs if self.activation is None else self.activation(outputs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolve without bias and activation; `keras.layers.Conv2D.call` calls it."""
        if self._pointwise() and self.groups > 1:
            return _grouped_product(inputs, ops.cast(kernel, inputs.dtype)[0, 0], self.groups)
        if self._pointwise() and keras.backend.backend() == "jax":
            return ops.matmul(inputs, ops.cast(kernel, inputs.dtype)[0, 0])
        return super().convolution_op(inputs, kernel)

    def _pointwise(self) -> bool:
        return self.data_format == "channels_last" and self.kernel_size == self.strides == (1, 1)


def _grouped_product(x, kernel, groups):
    """(batch, height, width, channels) by (channels / groups, filters), within each group."""
    height, width = ops.shape(x)[1:3]
    inner, filters = kernel.shape
    x = ops.reshape(x, (-1, height * width, groups, inner))
    x = ops.transpose(x, (0, 2, 1, 3))  # (batch, groups, pixels, inner)
    kernel = ops.transpose(ops.reshape(kernel, (inner, groups, -1)), (1, 0, 2))
    x = ops.transpose(ops.matmul(x, kernel), (0, 2, 1, 3))
    return ops.reshape(x, (-1, height, width, filters))
