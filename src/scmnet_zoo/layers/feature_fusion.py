"""Deep Shallow Feature Fusion Module of SCMNet."""

import itertools

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.depthwise_conv2d import DepthwiseConv2D
from scmnet_zoo.layers.resize import resize

# The maps that are fused, coarse to fine.
LEVELS = ("F6", "F5", "F4", "F2", "F1", "F0")

# A node moves its first operand to the size of the others and adds them all. "up" is nearest
# neighbour, "down" a 3x3 max pool with step 2; L6..L0 are the laterals.
NODES = (
    ("td1_F5", "up", "L6", ("L5",)),
    ("td1_F4", "up", "td1_F5", ("L4",)),
    ("bu1_F1", "down", "L0", ("L1",)),
    ("bu1_F2", "down", "bu1_F1", ("L2",)),
    ("mid_F2", "up", "td1_F4", ("bu1_F2",)),
    ("bu2_F4", "down", "mid_F2", ("td1_F4", "L4")),
    ("bu2_F5", "down", "bu2_F4", ("td1_F5", "L5")),
    ("bu2_F6", "down", "bu2_F5", ("L6",)),
    ("td2_F5", "up", "bu2_F6", ("bu2_F5", "L5")),
    ("td2_F4", "up", "td2_F5", ("bu2_F4", "L4")),
    ("td2_F2", "up", "td2_F4", ("mid_F2", "L2")),
    ("td2_F1", "up", "td2_F2", ("bu1_F1", "L1")),
    ("td2_F0", "up", "td2_F1", ("L0",)),
)


@register
class DeepShallowFeatureFusion(keras.layers.Layer):
    """Fuses six maps of falling size, top down and bottom up, twice, into the finest.

    Each map is brought to `filters` channels by a 1x1 convolution and batch norm (a lateral).
    Thirteen nodes follow (`NODES`); a node adds its operands, applies SiLU, then a 3x3 separable
    convolution with dilation 2 and batch norm.

    Sublayers: `lateral_F6_conv`, `lateral_F6_bn` and so on; for each node `td1_F5_depthwise`,
    `td1_F5_pointwise`, `td1_F5_bn` and so on.

    Args:
        filters: number of channels of every node and of the output.
        dilation_rate: distance of the separable convolutions' taps, in pixels.

    Input shape: a list of six maps `(batch, height, width, channels)`, coarse to fine (F6, F5,
    F4, F2, F1, F0), each side the half of the next one's, rounded up.

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

    def __init__(self, filters=64, dilation_rate=2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.dilation_rate = dilation_rate

    def build(self, input_shape):
        _check_shapes(input_shape)
        dtype = self.dtype_policy
        self.lateral_convs, self.lateral_bns = [], []
        for level, shape in zip(LEVELS, input_shape, strict=True):
            conv = Conv2D(
                self.filters,
                1,
                data_format="channels_last",
                dtype=dtype,
                name=f"lateral_{level}_conv",
            )
            bn = BatchNormalization(dtype=dtype, name=f"lateral_{level}_bn")
            conv.build(shape)
            bn.build((*shape[:-1], self.filters))
            self.lateral_convs.append(conv)
            self.lateral_bns.append(bn)
        self.depthwise, self.pointwise, self.bns = [], [], []
        for name, *_ in NODES:
            depthwise = DepthwiseConv2D(
                3,
                dilation_rate=self.dilation_rate,
                padding="same",
                data_format="channels_last",
                use_bias=False,
                dtype=dtype,
                name=f"{name}_depthwise",
            )
            pointwise = Conv2D(
                self.filters, 1, data_format="channels_last", dtype=dtype, name=f"{name}_pointwise"
            )
            bn = BatchNormalization(momentum=0.997, epsilon=1e-4, dtype=dtype, name=f"{name}_bn")
            shape = (*input_shape[LEVELS.index(name[-2:])][:-1], self.filters)
            for layer in (depthwise, pointwise, bn):
                layer.build(shape)
            self.depthwise.append(depthwise)
            self.pointwise.append(pointwise)
            self.bns.append(bn)
        self.down = keras.layers.MaxPooling2D(
            3, strides=2, padding="same", data_format="channels_last", dtype=dtype, name="down"
        )

    def call(self, inputs, training=None):
        maps = {}
        for i, level in enumerate(LEVELS):
            lateral = self.lateral_bns[i](self.lateral_convs[i](inputs[i]), training=training)
            maps[f"L{level[1]}"] = lateral  # (batch, height, width, filters), as all that follow
        for i, (name, move, moved, kept) in enumerate(NODES):
            x = maps[moved]
            x = self.down(x) if move == "down" else _up(x, maps[kept[0]])
            for other in kept:
                x = x + maps[other]
            x = self.pointwise[i](self.depthwise[i](ops.silu(x)))
            maps[name] = self.bns[i](x, training=training)
        return maps["td2_F0"]

    def compute_output_shape(self, input_shape):
        _check_shapes(input_shape)
        return (*input_shape[-1][:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "dilation_rate": self.dilation_rate,
        }


def _up(x, partner):
    return resize(x, ops.shape(partner)[1:3], "nearest")


def _check_shapes(shapes):
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
