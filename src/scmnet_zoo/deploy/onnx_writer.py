"""The inference form of a network as an ONNX model."""

from typing import Any

import keras
import numpy as np
import onnx

from scmnet_zoo.deploy._walk import Step, walk
from scmnet_zoo.deploy.onnx_channels import spare_channels
from scmnet_zoo.deploy.onnx_graph import Graph, Value, tensor_info
from scmnet_zoo.deploy.onnx_layers import PADDING, padded, write_layer
from scmnet_zoo.deploy.onnx_mask import into_masks
from scmnet_zoo.deploy.onnx_pooling import into_convolutions
from scmnet_zoo.deploy.onnx_site import Site

SIDES = ("height", "width")


def to_onnx(
    model: keras.Model,
    output: str = "probabilities",
    half: bool = False,
    metadata: dict[str, str] | None = None,
    for_openvino: bool = False,
) -> onnx.ModelProto:
    """Write the inference form of a network as an ONNX model.

    Inside, maps are channels first, as runtimes want them: the image is transposed once.
    Paddings, sizes and weights are constants where the input's size is known. A known size makes
    a batch of one; where the size varies the batch does too.

    Args:
        model: made by `scmnet_zoo.deploy.fuse`; its input may be uint8 or float32.
        output: name of the output.
        half: compute in float16; normalisation and softmax stay in float32.
        metadata: texts for the file.
        for_openvino: write what OpenVINO's conversion makes fast, instead of ONNX Runtime.

    Returns:
        A model from `image`, `(batch, height, width, 3)` as in Keras, to scores
        `(batch, classes, height, width)` in float32 or a mask `(batch, height, width)` in uint8.

    Raises:
        ValueError: a layer that the inference form does not have.

    Example:

    >>> onnx.save(to_onnx(fuse(SCMNet(weights="camvid"))), "scmnet.onnx")
    """
    steps = walk(model)
    graph, spare = Graph(half, for_openvino), spare_channels(steps)
    merged = into_convolutions(steps) | into_masks(steps)
    values: dict[int, Value] = {}
    for step in steps:
        values[id(step.output)] = _write(graph, step, values, spare, id(step.output) in merged)
    last = steps[-1]
    name = padded(graph, values[id(last.output)]).name
    if half and last.output.dtype != "uint8":
        name = graph.cast(name, np.float32, f"{name}_float")
    graph.finish(name, output)
    inputs = tensor_info("image", steps[0].output.dtype, _shape(steps[0].output.shape, "image"))
    kind: Any = last.output.dtype if last.output.dtype == "uint8" else "float32"
    batch, height, width, *channels = _shape(last.output.shape, output)
    outputs = tensor_info(output, kind, [batch, *channels, height, width])
    return graph.model(model.name, inputs, outputs, metadata or {})


def _write(
    graph: Graph, step: Step, values: dict[int, Value], spare: dict[int, int], merged: bool
) -> Value:
    layer = step.layer
    if isinstance(layer, keras.layers.InputLayer):
        return _image(graph, step.output.dtype)
    given = [values[id(tensor)] for tensor in step.inputs]
    if not isinstance(layer, PADDING):
        given = [padded(graph, value) for value in given]
    return write_layer(
        Site(
            graph,
            layer,
            given,
            [tuple(tensor.shape) for tensor in step.inputs],
            [spare.get(id(tensor), 0) for tensor in step.inputs],
            spare.get(id(step.output), 0),
            merged,
        )
    )


def _image(graph: Graph, kind: str) -> Value:
    """The image in float32, channels first."""
    x = graph.free("image")
    if kind != "float32":
        x = graph.cast(x, np.float32, "image_float")
    return Value(graph.add("Transpose", [x], "image_channels_first", perm=(0, 3, 1, 2)))


def _shape(shape: tuple, name: str) -> list[int | str]:
    """A shape with names where sides vary, and a batch of one where they do not."""
    varies = None in shape[1:3]
    sides = [side or f"{name}_{key}" for side, key in zip(shape[1:3], SIDES, strict=True)]
    return ["batch" if varies else 1, *sides, *shape[3:]]
