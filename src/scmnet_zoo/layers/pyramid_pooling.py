"""Pyramid pooling module."""

from collections.abc import Sequence
from typing import Any

import keras

from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import pointwise_conv
from scmnet_zoo.layers._types import Layer, Shape, Tensor
from scmnet_zoo.layers.adaptive_average_pooling import AdaptiveAveragePooling2D
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.conv2d import FastConv2D
from scmnet_zoo.layers.resize import ResizeToPartner


@register_composite
class PyramidPooling(Layer):
    """Joins a map with its averages over several grids.

    Each bin count b averages the map over b x b cells of any size. A 1x1 convolution to a
    `len(bins)`-th of the input's channels, batch norm and ReLU follow, and bilinear resizing with
    aligned corners to the map's size. A 1x1 convolution, batch norm and ReLU project the
    concatenation of the map and all branches.

    Sublayers with weights: `bin1_conv`, `bin1_bn` and so on for each bin; `project_conv`,
    `project_bn`.

    Args:
        filters: number of output channels.
        bins: number of cells along each side of the grids. Defaults to (1, 2, 3, 6).
        momentum: of the batch norms. Defaults to 0.99.
        epsilon: of the batch norms. Defaults to 1e-3.

    Input shape: `(batch, height, width, channels)`, channels a multiple of `len(bins)`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: no bins, or channels that are not a multiple of their number.

    Source: Zhao et al. 2017, PSPNet, arXiv 1612.01105, section 3.2; with these bins and channels
    in Poudel et al. 2019, Fast-SCNN, arXiv 1902.04502, table 1.

    Example:

    >>> x = keras.ops.ones((1, 12, 24, 128))
    >>> keras.ops.shape(PyramidPooling(128)(x))
    (1, 12, 24, 128)
    """

    def __init__(
        self,
        filters: int,
        bins: Sequence[int] = (1, 2, 3, 6),
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not bins:
            raise ValueError(f"Expected one bin count or more. Received: bins={bins}")
        self.filters = filters
        self.bins: tuple[int, ...] = tuple(bins)
        self.momentum = momentum
        self.epsilon = epsilon

    def _conv_bn(self, filters: int, prefix: str) -> tuple[FastConv2D, OnePassBatchNormalization]:
        dtype = self.dtype_policy
        return pointwise_conv(filters, dtype=dtype, name=f"{prefix}_conv"), (
            OnePassBatchNormalization(
                momentum=self.momentum, epsilon=self.epsilon, dtype=dtype, name=f"{prefix}_bn"
            )
        )

    def build(self, input_shape: Shape) -> None:
        *sides, channels = input_shape
        if channels is None or channels % len(self.bins):
            raise ValueError(
                f"Expected a number of channels that is a multiple of {len(self.bins)}, the "
                f"number of bins. Received: input_shape={input_shape}"
            )
        filters, dtype = channels // len(self.bins), self.dtype_policy
        self.bin_convs: list[Layer] = []
        self.bin_bns: list[Layer] = []
        self.bin_pools: list[Layer] = []
        self.bin_relus: list[Layer] = []
        self.bin_upsamples: list[Layer] = []
        for count in self.bins:
            conv, bn = self._conv_bn(filters, f"bin{count}")
            conv.build(input_shape)
            bn.build((sides[0], count, count, filters))
            self.bin_convs.append(conv)
            self.bin_bns.append(bn)
            self.bin_pools.append(_pool(count, dtype))
            self.bin_relus.append(
                keras.layers.Activation("relu", dtype=dtype, name=f"bin{count}_relu")
            )
            interpolation = "nearest" if count == 1 else "bilinear_align_corners"
            self.bin_upsamples.append(
                ResizeToPartner(interpolation, dtype=dtype, name=f"bin{count}_upsample")
            )
        self.concat: Layer = keras.layers.Concatenate(dtype=dtype, name="concat")
        project_conv, project_bn = self._conv_bn(self.filters, "project")
        self.project_conv: Layer = project_conv
        self.project_bn: Layer = project_bn
        self.project_relu: Layer = keras.layers.Activation("relu", dtype=dtype, name="project_relu")
        self.project_conv.build((*sides, 2 * channels))
        self.project_bn.build((*sides, self.filters))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        branches = [inputs]
        for i in range(len(self.bins)):
            x = self.bin_convs[i](self.bin_pools[i](inputs))  # (batch, bin, bin, channels)
            x = self.bin_relus[i](self.bin_bns[i](x, training=training))
            branches.append(self.bin_upsamples[i]([x, inputs]))
        x = self.project_conv(self.concat(branches))  # (batch, height, width, filters)
        return self.project_relu(self.project_bn(x, training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "bins": self.bins,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


def _pool(count: int, dtype: Any) -> Layer:
    """The layer that averages a map over a grid of count x count cells."""
    name = f"bin{count}"
    if count > 1:
        return AdaptiveAveragePooling2D(count, dtype=dtype, name=name)
    return keras.layers.GlobalAveragePooling2D(
        keepdims=True, data_format="channels_last", dtype=dtype, name=name
    )
