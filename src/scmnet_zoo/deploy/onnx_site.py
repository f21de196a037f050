"""A layer, and where it stands in an ONNX graph."""

from dataclasses import dataclass
from typing import Any

from scmnet_zoo.deploy.onnx_graph import Graph, Value


@dataclass(frozen=True)
class Site:
    """A layer, and where it stands in the graph.

    Attributes:
        graph: takes the nodes.
        layer: the layer.
        values: its inputs in the graph.
        shapes: their shapes in Keras, channels last, None where they vary.
        spare: for each input the channels of zeros that were appended to it.
        wanted: the channels of zeros to append to the output.
        merged: whether the layers behind do the layer's work.
    """

    graph: Graph
    layer: Any
    values: list[Value]
    shapes: list[tuple[Any, ...]]
    spare: list[int]
    wanted: int
    merged: bool

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def x(self) -> str:
        """The only input, or the first of several."""
        return self.values[0].name


def padding(site: Site, window: Any, strides: Any, dilations: Any) -> dict[str, Any]:
    """The `pads` or `auto_pad` of a convolution or pooling.

    With a stride, how much Keras's `same` pads depends on the size: where that varies it is left
    to ONNX's SAME_UPPER, which is the same rule.
    """
    layer, value = site.layer, site.values[0]
    if layer.padding == "valid":
        return {"pads": value.pads}
    if any(value.pads):
        raise ValueError(
            f"Expected padding='valid' after a ZeroPadding2D. Received: {site.name} with "
            f"padding={layer.padding!r}"
        )
    sides = site.shapes[0][1:3]
    if any(side is None and stride > 1 for side, stride in zip(sides, strides, strict=True)):
        return {"auto_pad": "SAME_UPPER"}
    before, after = [], []
    for side, taps, stride, dilation in zip(sides, window, strides, dilations, strict=True):
        total = (taps - 1) * dilation
        if stride > 1:
            total = max(0, (-(-side // stride) - 1) * stride + total + 1 - side)
        before.append(total // 2)
        after.append(total - total // 2)
    return {"pads": (*before, *after)}
