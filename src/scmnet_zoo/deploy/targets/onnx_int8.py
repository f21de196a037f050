"""ONNX models in int8, by ONNX Runtime's static quantisation."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization

# Convolutions, and all that stands between them: each way to float32 and back costs more than
# what it leads to gains.
KINDS = (
    *("Conv", "Add", "Mul", "Relu", "Sigmoid", "Concat", "Resize", "Expand"),
    *("MaxPool", "AveragePool", "GlobalAveragePool"),
)
# Tells ONNX Runtime that there is nothing left to fold before, which it would else advise to do.
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


def quantise(model: onnx.ModelProto, images: Sequence[np.ndarray]) -> onnx.ModelProto:
    """A model with activations and weights in int8, the latter by channel.

    What is done to the image before the first convolutions, and the convolution that makes the
    scores with all behind it, stay in float32.

    Args:
        model: in float32.
        images: of the calibration, `(1, height, width, 3)`.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        prepared = onnx.ModelProto()
        prepared.CopyFrom(model)
        onnx.helper.set_model_props(prepared, PREPARED)
        onnx.save(prepared, source)
        quantization.quantize_static(
            source,
            target,
            _Images(images, model.graph.input[0]),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(KINDS),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=sensitive(model.graph),
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        found = onnx.load(target)
    del found.metadata_props[:]
    found.metadata_props.extend(model.metadata_props)
    return found


def sensitive(graph: onnx.GraphProto) -> list[str]:
    """The nodes that stay in float32: before the first convolutions, and from the last on."""
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: dict[str, None] = {}
    ahead = [graph.input[0].name]
    while ahead:
        for node in readers.get(ahead.pop(), []):
            if node.op_type not in ("Conv", "Shape"):
                found[node.name] = None
                ahead += node.output
    behind = [graph.output[0].name]
    while behind:
        node = makers.get(behind.pop())
        if node is not None and node.name not in found:
            found[node.name] = None
            if node.op_type != "Conv":
                behind += node.input
    return list(found)


class _Images(quantization.CalibrationDataReader):
    """The images one after the other, as ONNX Runtime asks for them."""

    def __init__(self, images: Sequence[np.ndarray], image: onnx.ValueInfoProto):
        kind = onnx.helper.tensor_dtype_to_np_dtype(image.type.tensor_type.elem_type)
        self._rest = ({image.name: one.astype(kind, copy=False)} for one in images)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)
