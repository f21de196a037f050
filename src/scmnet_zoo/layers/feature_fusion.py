"""Deep Shallow Feature Fusion Module (DS-FFM) of SCMNet."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from scmnet_zoo.layers._register import register_composite
from scmnet_zoo.layers._sublayers import pointwise_conv
from scmnet_zoo.layers._types import Layer, Shape, Tensor
from scmnet_zoo.layers.batch_normalization import OnePassBatchNormalization
from scmnet_zoo.layers.depthwise_conv2d import FastDepthwiseConv2D
from scmnet_zoo.layers.resize import ResizeToPartner

# The maps that are fused, coarse to fine; each has half the sides of the next one.
LEVELS = ("F6", "F5", "F4", "F2", "F1", "F0")


class FusionNode(NamedTuple):
    """A node of the fusion: resizes one map, adds the others, and convolves the sum.

    A map is named by the node that makes it, or by its level where it is an input.

    Attributes:
        name: pass and level, e.g. `td1_F5`: td is top down, bu bottom up.
        level: whose size the node's map has.
        move: `"up"` for nearest-neighbour upsampling, `"down"` for a 3x3 max pool with step 2.
        moved: the map that is resized.
        added: the maps of the node's own level.
    """

    name: str
    level: str
    move: str
    moved: str
    added: tuple[str, ...]


NODES = (
    FusionNode(name="td1_F5", level="F5", move="up", moved="F6", added=("F5",)),
    FusionNode(name="td1_F4", level="F4", move="up", moved="td1_F5", added=("F4",)),
    FusionNode(name="bu1_F1", level="F1", move="down", moved="F0", added=("F1",)),
    FusionNode(name="bu1_F2", level="F2", move="down", moved="bu1_F1", added=("F2",)),
    FusionNode(name="mid_F2", level="F2", move="up", moved="td1_F4", added=("bu1_F2",)),
    FusionNode(name="bu2_F4", level="F4", move="down", moved="mid_F2", added=("td1_F4", "F4")),
    FusionNode(name="bu2_F5", level="F5", move="down", moved="bu2_F4", added=("td1_F5", "F5")),
    FusionNode(name="bu2_F6", level="F6", move="down", moved="bu2_F5", added=("F6",)),
    FusionNode(name="td2_F5", level="F5", move="up", moved="bu2_F6", added=("bu2_F5", "F5")),
    FusionNode(name="td2_F4", level="F4", move="up", moved="td2_F5", added=("bu2_F4", "F4")),
    FusionNode(name="td2_F2", level="F2", move="up", moved="td2_F4", added=("mid_F2", "F2")),
    FusionNode(name="td2_F1", level="F1", move="up", moved="td2_F2", added=("bu1_F1", "F1")),
    FusionNode(name="td2_F0", level="F0", move="up", moved="td2_F1", added=("F0",)),
)


@register_composite
class DeepShallowFeatureFusion(Layer):
    """Fuses six maps of falling size, top down and bottom up, twice, into the finest.

    A 1x1 convolution and batch norm, the lateral, bring each map to `filters` channels. Thirteen
    nodes follow (`NODES`). A node resizes one map to the size of the others and adds them, applies
    SiLU, then a 3x3 separable convolution and batch norm.

    Sublayers with weights: `lateral_F6_conv`, `lateral_F6_bn` and so on; for each node
    `td1_F5_depthwise`, `td1_F5_pointwise`, `td1_F5_bn` and so on.

    Args:
        filters: number of channels of every node and of the output. Defaults to 64.
        dilation_rate: distance of the separable convolutions' taps, in pixels. Defaults to 2.

    Input shape: a list of six maps `(batch, height, width, channels)`, coarse to fine (F6, F5,
    F4, F2, F1, F0). Each map's sides are half of the next one's, rounded up.

    Output shape: `(batch, height of F0, width of F0, filters)`.

    Raises:
        ValueError: the input is not a list of six maps, or their known sides do not halve.

    Source: Singha et al. 2021, SCMNet, doi 10.1109/DICTA52665.2021.9647401, the Deep Shallow
    Feature Fusion Module; the nodes' batch norm (momentum 0.997, epsilon 1e-4) is that of the
    authors' released code.

    Example:

    >>> maps = [keras.ops.ones((1, 2 * 2**i, 3 * 2**i, 8)) for i in range(6)]
    >>> keras.ops.shape(DeepShallowFeatureFusion(16)(maps))
    (1, 64, 96, 16)
    """

    def __init__(self, filters: int = 64, dilation_rate: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.dilation_rate = dilation_rate

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_shapes(input_shape)
        dtype = self.dtype_policy
        fused = {  # shapes by level
            level: (*shape[:-1], self.filters)
            for level, shape in zip(LEVELS, input_shape, strict=True)
        }
        self.lateral_convs: list[Layer] = []
        self.lateral_bns: list[Layer] = []
        for level, shape in zip(LEVELS, input_shape, strict=True):
            conv = pointwise_conv(
                self.filters, use_bias=True, dtype=dtype, name=f"lateral_{level}_conv"
            )
            bn = OnePassBatchNormalization(dtype=dtype, name=f"lateral_{level}_bn")
            conv.build(shape)
            bn.build(fused[level])
            self.lateral_convs.append(conv)
            self.lateral_bns.append(bn)
        self.moves: list[Layer] = []
        self.adds: list[Layer] = []
        self.activations: list[Layer] = []
        self.depthwise: list[Layer] = []
        self.pointwise: list[Layer] = []
        self.bns: list[Layer] = []
        for node in NODES:
            depthwise = FastDepthwiseConv2D(
                3,
                dilation_rate=self.dilation_rate,
                padding="same",
                data_format="channels_last",
                use_bias=False,
                dtype=dtype,
                name=f"{node.name}_depthwise",
            )
            pointwise = pointwise_conv(
                self.filters, use_bias=True, dtype=dtype, name=f"{node.name}_pointwise"
            )
            bn = OnePassBatchNormalization(
                momentum=0.997, epsilon=1e-4, dtype=dtype, name=f"{node.name}_bn"
            )
            for layer in (depthwise, pointwise, bn):
                layer.build(fused[node.level])
            self.moves.append(_resizing(node, dtype))
            self.adds.append(keras.layers.Add(dtype=dtype, name=f"{node.name}_add"))
            self.activations.append(
                keras.layers.Activation("silu", dtype=dtype, name=f"{node.name}_silu")
            )
            self.depthwise.append(depthwise)
            self.pointwise.append(pointwise)
            self.bns.append(bn)

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        maps = {}  # all (batch, height of the level, width of the level, filters)
        for i, level in enumerate(LEVELS):
            maps[level] = self.lateral_bns[i](self.lateral_convs[i](inputs[i]), training=training)
        for i, node in enumerate(NODES):
            moved, added = maps[node.moved], [maps[name] for name in node.added]
            moved = self.moves[i]([moved, added[0]] if node.move == "up" else moved)
            x = self.activations[i](self.adds[i]([moved, *added]))
            x = self.pointwise[i](self.depthwise[i](x))
            maps[node.name] = self.bns[i](x, training=training)
        return maps[NODES[-1].name]  # (batch, height of F0, width of F0, filters)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        _check_shapes(input_shape)
        return (*input_shape[-1][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "dilation_rate": self.dilation_rate,
        }


def _resizing(node: FusionNode, dtype: Any) -> Layer:
    """The layer that brings a node's moved map to the size of its level."""
    if node.move == "up":
        return ResizeToPartner("nearest", dtype=dtype, name=f"{node.name}_up")
    return keras.layers.MaxPooling2D(
        3,
        strides=2,
        padding="same",
        data_format="channels_last",
        dtype=dtype,
        name=f"{node.name}_down",
    )


def _check_shapes(shapes: Sequence[Shape]) -> None:
    if len(shapes) != len(LEVELS) or any(len(s) != 4 for s in shapes):
        raise ValueError(
            f"Expected {len(LEVELS)} maps (batch, height, width, channels) in the order "
            f"{', '.join(LEVELS)}. Received: shapes {shapes}"
        )
    for coarse, fine in itertools.pairwise(shapes):
        for side, finer in zip(coarse[1:3], fine[1:3], strict=True):
            if side is not None and finer is not None and side != -(-finer // 2):
                raise ValueError(
                    "Expected each map to have half the next one's sides, rounded up. "
                    f"Received: shapes {shapes}"
                )
