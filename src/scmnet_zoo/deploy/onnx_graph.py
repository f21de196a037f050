"""An ONNX graph that grows node by node."""

from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

# ONNX Runtime 1.32 has its blocked layouts for the operators of this set, not for those of later
# ones (Resize-18, AveragePool-19); OpenVINO 2026 and TensorRT 10 and 11 take it.
OPSET = 17
IR_VERSION = 8  # goes with opset 17

Pads = tuple[int, int, int, int]  # top, left, bottom, right


class Upsampling(NamedTuple):
    """The sides that a map has before it is upsampled, and how it is."""

    height: int
    width: int
    interpolation: str


class Value(NamedTuple):
    """A map in the graph, channels first.

    Attributes:
        name: of the tensor.
        pads: zeros that belong around it and that a convolution is to add.
        block: (rows, columns) of which the convolution is to take the average first.
        upsampling: what a mask is to do with the map first.
    """

    name: str
    pads: Pads = (0, 0, 0, 0)
    block: tuple[int, int] = (1, 1)
    upsampling: Upsampling | None = None


class Graph:
    """Nodes and constants of a graph in the making.

    Args:
        half: compute in float16; `ImageInput` and softmax stay in float32.
        for_openvino: where runtimes differ, what is fast in OpenVINO.
    """

    def __init__(self, half: bool = False, for_openvino: bool = False):
        self.for_openvino = for_openvino
        self.real: Any = np.float16 if half else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._shared: dict[tuple, str] = {}
        self._taken: set[str] = set()

    def add(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one output, which gets the node's name; attributes None are left out."""
        name = self.free(name)
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **given))
        return name

    def weights(self, values: np.ndarray, name: str) -> str:
        """Add floats, in the graph's precision."""
        return self._constant(np.asarray(values, self.real, order="C"), self.free(name))

    def floats(self, values: np.ndarray, name: str) -> str:
        """Add floats that stay in float32."""
        return self._constant(np.asarray(values, np.float32, order="C"), self.free(name))

    def integers(self, values: np.ndarray, name: str) -> str:
        """Add whole numbers, int64."""
        return self._constant(np.asarray(values, np.int64, order="C"), self.free(name))

    def scalars(self, values: list[int] | list[float]) -> str:
        """Add a short list, of int64 or float32; equal ones are one constant."""
        kind: Any = np.float32 if any(isinstance(value, float) for value in values) else np.int64
        key = (kind, *values)
        if key not in self._shared:
            name = self.free("_".join(("const", *map(str, values))))
            self._shared[key] = self._constant(np.array(values, kind), name)
        return self._shared[key]

    def cast(self, value: str, kind: Any, name: str) -> str:
        """Add a conversion to a NumPy type."""
        return self.add("Cast", [value], name, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def counted(self, length: str, name: str) -> str:
        """Add the whole numbers from 0 up to, not including, a number in a list of one."""
        limit = self.add("Squeeze", [length, self.scalars([0])], f"{name}_limit")
        ends = [self.integers(np.array(number), f"{name}_{number}") for number in (0, 1)]
        return self.add("Range", [ends[0], limit, ends[1]], name)

    def finish(self, value: str, name: str) -> None:
        """Give the result its name."""
        last = self.nodes[-1]
        if last.output[0] == value and name not in self._taken:
            last.output[0] = name
        else:
            self.add("Identity", [value], name)

    def free(self, name: str) -> str:
        """The name, or with a number if it is taken."""
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def model(
        self,
        name: str,
        inputs: onnx.ValueInfoProto,
        outputs: onnx.ValueInfoProto,
        metadata: dict[str, str],
    ) -> onnx.ModelProto:
        """The graph as a whole, checked.

        Raises:
            onnx.checker.ValidationError: it breaks ONNX's rules.
        """
        graph = helper.make_graph(
            self.nodes, name, [inputs], [outputs], initializer=list(self.constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        model.producer_name = "scmnet-zoo"
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _constant(self, array: np.ndarray, name: str) -> str:
        self.constants[name] = numpy_helper.from_array(array, name)
        return name


def tensor_info(name: str, kind: Any, shape: list[int | str]) -> onnx.ValueInfoProto:
    """The description of an input or output."""
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape
    )
