"""Atrous spatial pyramid pooling with depthwise-separable convolutions."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers.batch_normalization import BatchNormalization
from scmnet_zoo.layers.conv2d import Conv2D
from scmnet_zoo.layers.separable_conv2d import DepthwiseSeparableConv2D


@register
class AtrousSpatialPyramidPooling(keras.layers.Layer):
    """Looks at a map at several ranges: a point, dilated 3x3 windows, the whole image.

    The branches are concatenated in this order: `image_pooling` (global average, 1x1
    convolution, spread over the map), `aspp0` (1x1 convolution), then one separable 3x3
    convolution `aspp1`, `aspp2`, ... for each rate. A 1x1 convolution projects them.
    Convolutions have no bias and are followed by batch norm and ReLU, the depthwise ones too.

    Sublayers: `image_pooling`, `image_pooling_bn`, `aspp0`, `aspp0_bn`, `aspp1` and so on,
    `concat_projection`, `concat_projection_bn`.

    Args:
        filters: number of channels of each branch and of the output.
        rates: dilation of each 3x3 branch, in pixels; may be empty.
        dropout: rate of the dropout behind the projection, in training.
        momentum, epsilon: of the batch norms.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`.

    Source: Chen et al. 2017, arXiv 1706.05587, section 3.3; with separable convolutions Chen et
    al. 2018, DeepLabV3+, arXiv 1802.02611, section 3.1.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 64))
    >>> keras.ops.shape(AtrousSpatialPyramidPooling(48, rates=(6, 12))(x))
    (1, 16, 32, 48)
    """

    def __init__(
        self,
        filters=256,
        rates=(6, 12, 18),
        dropout=0.1,
        momentum=0.99,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.rates = tuple(rates)
        self.dropout_rate = dropout
        self.momentum = momentum
        self.epsilon = epsilon

    def _conv_bn(self, name):
        conv = Conv2D(
            self.filters,
            1,
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )
        bn = BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name=f"{name}_bn"
        )
        return conv, bn

    def build(self, input_shape):
        reduced = (*input_shape[:-1], self.filters)
        self.image_conv, self.image_bn = self._conv_bn("image_pooling")
        self.point_conv, self.point_bn = self._conv_bn("aspp0")
        self.atrous = [
            DepthwiseSeparableConv2D(
                self.filters,
                dilation_rate=rate,
                depthwise_batchnorm=True,
                depthwise_activation="relu",
                use_bias=False,
                momentum=self.momentum,
                epsilon=self.epsilon,
                dtype=self.dtype_policy,
                name=f"aspp{i}",
            )
            for i, rate in enumerate(self.rates, start=1)
        ]
        self.project_conv, self.project_bn = self._conv_bn("concat_projection")
        for layer in (self.image_conv, self.point_conv, *self.atrous):
            layer.build(input_shape)
        branches = 2 + len(self.rates)
        self.project_conv.build((*input_shape[:-1], branches * self.filters))
        for bn in (self.image_bn, self.point_bn, self.project_bn):
            bn.build(reduced)
        self.dropout = keras.layers.Dropout(
            self.dropout_rate, dtype=self.dtype_policy, name="dropout"
        )

    def call(self, inputs, training=None):
        point = ops.relu(self.point_bn(self.point_conv(inputs), training=training))
        whole = ops.mean(inputs, axis=(1, 2), keepdims=True)  # (batch, 1, 1, channels)
        whole = ops.relu(self.image_bn(self.image_conv(whole), training=training))
        whole = ops.broadcast_to(whole, ops.shape(point))  # (batch, height, width, filters)
        ranges = [layer(inputs, training=training) for layer in self.atrous]
        x = ops.concatenate([whole, point, *ranges], axis=-1)
        x = ops.relu(self.project_bn(self.project_conv(x), training=training))
        return self.dropout(x, training=training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "rates": self.rates,
            "dropout": self.dropout_rate,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
