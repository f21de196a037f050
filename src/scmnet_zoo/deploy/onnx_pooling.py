"""The poolings of the inference form as nodes of an ONNX graph."""

from typing import Any

import keras
import numpy as np

from scmnet_zoo.deploy._walk import Step, readers
from scmnet_zoo.deploy.onnx_graph import Value
from scmnet_zoo.deploy.onnx_site import Site, padding

IMAGE_CHANNELS = 4


def into_convolutions(steps: list[Step]) -> set[int]:
    """The averages of an image's blocks, by `id`, that the convolutions behind can take along.

    A convolution of averages is one of the image, with a larger kernel. Of three channels that
    is less work than a pass over the image and back.
    """
    graph, found = readers(steps), set()
    for step in steps:
        layer = step.layer
        if not isinstance(layer, keras.layers.AveragePooling2D):
            continue
        _, height, width, channels = step.inputs[0].shape
        whole = None not in (height, width) and channels <= IMAGE_CHANNELS
        whole = whole and tuple(layer.pool_size) == tuple(layer.strides)
        if not whole or height % layer.pool_size[0] or width % layer.pool_size[1]:
            continue
        behind = graph[id(step.output)]
        if behind and all(_is_dense(reader.layer) for reader in behind):
            found.add(id(step.output))
    return found


def _is_dense(layer: keras.layers.Layer) -> bool:
    plain = isinstance(layer, keras.layers.Conv2D) and layer.groups == 1
    return plain and tuple(layer.dilation_rate) == (1, 1)


def max_pooling(site: Site) -> str:
    return _pool(site, "MaxPool")


def average_pooling(site: Site) -> str | Value:
    if site.merged:
        return Value(site.x, block=tuple(site.layer.pool_size))
    return _pool(site, "AveragePool", count_include_pad=0)


def _pool(site: Site, kind: str, **attributes: Any) -> str:
    layer = site.layer
    return site.graph.add(
        kind,
        [site.x],
        site.name,
        kernel_shape=layer.pool_size,
        strides=layer.strides,
        **padding(site, layer.pool_size, layer.strides, (1, 1)),
        **attributes,
    )


def global_average(site: Site) -> str:
    if not site.layer.keepdims:
        raise ValueError(f"Expected keepdims=True. Received: {site.name} with keepdims=False")
    return site.graph.add("GlobalAveragePool", [site.x], site.name)


def dilated_max_pooling(site: Site) -> str:
    """Slices of the padded map: TensorRT has no dilated pooling."""
    graph, name, d = site.graph, site.name, int(site.layer.dilation_rate)
    lowest = graph.weights(np.array(np.finfo(graph.real).min), f"{name}_lowest")
    pads = graph.scalars([0, 0, d, d, 0, 0, d, d])
    x = graph.add("Pad", [site.x, pads, lowest], f"{name}_padded")
    for axis in (2, 3):
        taps = []
        for start, end in ((0, -2 * d), (d, -d), (2 * d, np.iinfo(np.int64).max)):
            limits = [graph.scalars([int(place)]) for place in (start, end, axis)]
            taps.append(graph.add("Slice", [x, *limits], f"{name}_tap"))
        x = graph.add("Max", taps, name if axis == 3 else f"{name}_rows")
    return x


def adaptive_average(site: Site) -> str:
    """The map times a matrix for its columns and one for its rows."""
    graph, name, bins = site.graph, site.name, int(site.layer.bins)
    height, width = site.shapes[0][1:3]
    columns = _cells(site, width, bins, 3, f"{name}_columns")
    x = graph.add("MatMul", [site.x, columns], f"{name}_narrow")  # (batch, channels, h, bins)
    rows = _cells(site, height, bins, 2, f"{name}_rows")
    return graph.add("MatMul", [rows, x], name)


def _cells(site: Site, side: int | None, bins: int, axis: int, name: str) -> str:
    """The matrix that averages a side over its cells: (bins, side), for columns (side, bins)."""
    along_cells, along_pixels = ((1, -1), (-1, 1)) if axis == 3 else ((-1, 1), (1, -1))
    cell = np.arange(bins).reshape(along_cells)
    if side is None:
        return _computed_cells(site, cell, along_pixels, axis, name)
    pixel = np.arange(side).reshape(along_pixels)
    start, end = cell * side // bins, -((-(cell + 1) * side) // bins)
    inside = (pixel >= start) & (pixel < end)
    return site.graph.weights(inside / (end - start), name)


def _computed_cells(
    site: Site, cell: np.ndarray, along_pixels: tuple[int, int], axis: int, name: str
) -> str:
    """The same in the graph, of a side that varies."""
    graph, bins = site.graph, cell.size
    side = graph.add("Shape", [site.x], f"{name}_side", start=axis, end=axis + 1)
    pixel = graph.counted(side, f"{name}_pixel")
    pixel = graph.add("Reshape", [pixel, graph.scalars([*along_pixels])], f"{name}_pixels")
    limits = []
    for what, number, rounding in (("start", cell, 0), ("end", cell + 1, bins - 1)):
        number_name = graph.integers(number, f"{name}_{what}_cell")
        scaled = graph.add("Mul", [number_name, side], f"{name}_{what}_scaled")
        raised = graph.add("Add", [scaled, graph.scalars([rounding])], f"{name}_{what}_raised")
        limits.append(graph.add("Div", [raised, graph.scalars([bins])], f"{name}_{what}"))
    start, end = limits
    above = graph.add("GreaterOrEqual", [pixel, start], f"{name}_above")
    below = graph.add("Less", [pixel, end], f"{name}_below")
    inside = graph.cast(graph.add("And", [above, below], f"{name}_in"), graph.real, f"{name}_mask")
    count = graph.cast(graph.add("Sub", [end, start], f"{name}_count"), graph.real, f"{name}_size")
    return graph.add("Div", [inside, count], name)
