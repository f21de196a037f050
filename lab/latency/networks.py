"""Keras networks to time, the zoo's and KerasHub's, in the forms that are compared."""

from collections.abc import Callable
from typing import Any

import keras

from lab.latency.preset import Cell
from scmnet_zoo.deploy import fuse
from scmnet_zoo.layers import FastConv2D, FastDepthwiseConv2D, ImageInput, OnePassBatchNormalization
from scmnet_zoo.models import NETWORKS

CLASSES = 19
POLICIES = {"f32": "float32", "bf16": "bfloat16"}
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]

# The zoo's by what they are called here: key of the factory, and its arguments.
OURS: dict[str, tuple[str, dict[str, Any]]] = {key: (key, {}) for key in NETWORKS}
OURS["deeplabv3plus_mobilenet_v2"] = ("deeplabv3plus", {"backbone": "mobilenet_v2"})

# Keras's own layers, for form "stock", in place of the zoo's.
STOCK: dict[type, type] = {
    OnePassBatchNormalization: keras.layers.BatchNormalization,
    FastConv2D: keras.layers.Conv2D,
    FastDepthwiseConv2D: keras.layers.DepthwiseConv2D,
}


def keras_network(cell: Cell) -> keras.Model:
    """A network as the cell wants it: to logits (scope `"network"`) or class indices.

    Raises:
        ValueError: an unknown network, form or precision.
        ImportError: KerasHub is not installed.
    """
    if cell.precision not in POLICIES:
        raise ValueError(f"Expected f32 or bf16 in a Keras backend. Received: {cell.precision}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[cell.precision])
    try:
        if cell.network in OURS:
            return _in_form(zoo_network(cell), cell)
        if cell.network not in HUB:
            raise ValueError(f"Expected a Keras network of {__name__}. Received: {cell.network!r}")
        if cell.form != "model":
            raise ValueError(f"Expected form 'model' of {cell.network}. Received: {cell.form!r}")
        return _hub(cell)
    finally:
        keras.config.set_dtype_policy(before)


def zoo_network(cell: Cell) -> keras.Model:
    """A network of the zoo as its factory makes it, to logits.

    Raises:
        ValueError: it is not the zoo's.
    """
    if cell.network not in OURS:
        raise ValueError(f"Expected one of {', '.join(OURS)}. Received: {cell.network!r}")
    key, arguments = OURS[cell.network]
    return NETWORKS[key](
        num_classes=CLASSES,
        input_shape=(*cell.size, 3),
        include_preprocessing=cell.scope != "network",
        classifier_activation=None,
        **arguments,
    )


def _in_form(model: keras.Model, cell: Cell) -> keras.Model:
    if cell.form == "fused":
        return fuse(model, output="logits" if cell.scope == "network" else "mask")
    if cell.form == "stock":
        for layer in model._flatten_layers():
            layer.__class__ = STOCK.get(type(layer), type(layer))  # the same but for the form
    elif cell.form != "model":
        raise ValueError(f"Expected form stock, model or fused. Received: {cell.form!r}")
    return model if cell.scope == "network" else _to_mask(model)


def _to_mask(model: keras.Model) -> keras.Model:
    """With the likeliest class at the end, as uint8."""
    return keras.Model(model.input, Likeliest(name="mask")(model.output), name=model.name)


class Likeliest(keras.layers.Layer):
    """The index of the largest channel by the backend's own operation.

    `keras.ops.argmax` tells negative zeros from others first, by operations that neither LiteRT
    nor tf2onnx know.
    """

    def call(self, logits):
        backend = keras.backend.backend()
        if backend == "tensorflow":
            import tensorflow as tf

            return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)
        if backend == "jax":
            return logits.argmax(-1).astype("uint8")
        import torch

        return logits.argmax(-1).to(torch.uint8)

    def compute_output_spec(self, logits):
        return keras.KerasTensor(logits.shape[:-1], dtype="uint8")


def _hub(cell: Cell) -> keras.Model:
    """A network of KerasHub, random weights, to the image's size."""
    height, width = cell.size
    inputs = keras.Input((height, width, 3), name="image")
    with_statistics = cell.scope != "network"
    image = ImageInput(*((MEAN, STD) if with_statistics else ()), name="preprocessing")(inputs)
    logits = HUB[cell.network]((height, width, 3))(image)
    if tuple(logits.shape[1:3]) != cell.size:
        logits = keras.layers.Resizing(height, width, name="upsample")(logits)
    outputs = Likeliest(name="mask")(logits) if with_statistics else logits
    return keras.Model(inputs, outputs, name="hub")


def _hub_deeplab(shape: tuple[int, int, int]) -> keras.Model:
    """DeepLabV3+ of KerasHub with the ResNet-50 of its Pascal VOC preset."""
    from keras_hub import models

    encoder = models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
        image_shape=shape,
    )
    backbone = models.DeepLabV3Backbone(
        image_encoder=encoder,
        low_level_feature_key="P2",
        spatial_pyramid_pooling_key="P4",
        upsampling_size=4,
        dilation_rates=[6, 12, 18],
        projection_filters=48,
        image_shape=shape,
    )
    return models.DeepLabV3ImageSegmenter(backbone=backbone, num_classes=CLASSES, preprocessor=None)


def _hub_segformer(shape: tuple[int, int, int]) -> keras.Model:
    """SegFormer-B0 of KerasHub."""
    from keras_hub import models

    encoder = models.MiTBackbone(
        num_layers=4,
        layerwise_depths=[2, 2, 2, 2],
        layerwise_num_heads=[1, 2, 5, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        hidden_dims=[32, 64, 160, 256],
        image_shape=shape,
    )
    backbone = models.SegFormerBackbone(image_encoder=encoder, projection_filters=256)
    return models.SegFormerImageSegmenter(backbone=backbone, num_classes=CLASSES, preprocessor=None)


HUB: dict[str, Callable[[tuple[int, int, int]], keras.Model]] = {
    "keras_hub_deeplabv3plus_resnet50": _hub_deeplab,
    "keras_hub_segformer_b0": _hub_segformer,
}
