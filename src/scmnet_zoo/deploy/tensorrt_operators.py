"""What TensorRT takes of ONNX, as far as the exported graphs use it.

Source: docs/operators.md of github.com/onnx/onnx-tensorrt, "TensorRT 10.15 supports operators in
the inclusive range of opset 9 to opset 24". UINT8 is there for inputs and outputs of the network
only, converted by Cast.
"""

from collections.abc import Iterable

import onnx

REAL = frozenset({"FLOAT", "FLOAT16", "BFLOAT16"})
NUMBER = REAL | {"INT32", "INT64"}
ANY = NUMBER | {"BOOL"}

# By operator the types that it takes.
OPERATORS: dict[str, frozenset[str]] = {
    "Add": NUMBER,
    "And": frozenset({"BOOL"}),
    "ArgMax": REAL,
    "AveragePool": REAL,
    "BatchNormalization": REAL,
    "Cast": ANY | {"UINT8"},
    "Clip": REAL,
    "Concat": ANY,
    "Conv": REAL,
    "Div": NUMBER,
    "Exp": REAL,
    "Expand": ANY,
    "Gather": ANY,
    "GlobalAveragePool": REAL,
    "GreaterOrEqual": NUMBER,
    "HardSigmoid": REAL,
    "Identity": ANY,
    "Less": NUMBER,
    "MatMul": REAL,
    "Max": NUMBER,
    "MaxPool": REAL,
    "Mul": NUMBER,
    "Pad": NUMBER,
    "Range": NUMBER,
    "ReduceMax": NUMBER,
    "ReduceMin": NUMBER,
    "ReduceSum": NUMBER,
    "Relu": NUMBER,
    "Reshape": ANY,
    "Resize": REAL,
    "Shape": ANY,
    "Sigmoid": REAL,
    "Slice": ANY,
    "Squeeze": ANY,
    "Sub": NUMBER,
    "Transpose": ANY,
    "Unsqueeze": ANY,
    "Where": ANY,
}
RESIZE = {
    "mode": {"nearest", "linear"},
    "coordinate_transformation_mode": {"half_pixel", "asymmetric", "align_corners"},
    "nearest_mode": {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"},
}
OPSETS = range(9, 25)


def refusals(model: onnx.ModelProto) -> list[str]:
    """What in a model is not on the list, a line each; none if TensorRT should take it."""
    found = [f"opset {one.version}" for one in model.opset_import if one.version not in OPSETS]
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {one.name: one.data_type for one in inferred.initializer}
    for info in (*inferred.value_info, *inferred.input, *inferred.output):
        types[info.name] = info.type.tensor_type.elem_type
    constants = {one.name for one in inferred.initializer}
    for node in inferred.node:
        if node.op_type not in OPERATORS:
            found.append(f"{node.name}: {node.op_type}")
            continue
        read = [types[name] for name in node.input if name]
        kinds = {onnx.TensorProto.DataType.Name(kind) for kind in read}
        found += [
            f"{node.name}: {node.op_type} of {kind}"
            for kind in sorted(kinds - OPERATORS[node.op_type] - _sizes(node))
        ]
        found += _attributes(node, constants)
    return found


def _sizes(node: onnx.NodeProto) -> set[str]:
    """The types of inputs that are no maps: sizes, scales, places."""
    return {"INT64", "FLOAT"} if node.op_type in ("Resize", "Reshape", "Expand", "Pad") else set()


def _attributes(node: onnx.NodeProto, constants: Iterable[str]) -> list[str]:
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    found = []
    if node.op_type in ("MaxPool", "AveragePool"):
        if any(step != 1 for step in given.get("dilations", [])):
            found.append(f"{node.name}: dilated {node.op_type}")
        if len(node.output) > 1:
            found.append(f"{node.name}: indices of MaxPool")
        if len(given["kernel_shape"]) not in (2, 3):
            found.append(f"{node.name}: pooling of other than 2 or 3 dimensions")
    if node.op_type == "ReduceSum" and node.input[1] not in constants:
        found.append(f"{node.name}: axes that are computed")
    if node.op_type == "Resize":
        for key, allowed in RESIZE.items():
            value = given.get(key)
            if value is not None and value.decode() not in allowed:
                found.append(f"{node.name}: Resize with {key}={value.decode()}")
        if "antialias" in given or "axes" in given:
            found.append(f"{node.name}: Resize with antialias or axes")
    return found
