"""The class of each pixel in an ONNX graph: the first of the largest channels.

Over all pixels of an image the argmax and the upsampling before it can take longer than the
network. So scores that are upsampled linearly, to a known size, are upsampled and decided strip by
strip. No form is fast in all runtimes: there is one for ONNX Runtime, which TensorRT takes too, and
one for OpenVINO's conversion.
"""

import numpy as np

from scmnet_zoo.deploy._walk import Step, readers
from scmnet_zoo.deploy.onnx_graph import Graph, Upsampling
from scmnet_zoo.deploy.onnx_resize import resize, resize_columns, row_shares
from scmnet_zoo.deploy.onnx_site import Site
from scmnet_zoo.layers import ClassMask, ResizeToPartner

STRIP = 64  # rows


def into_masks(steps: list[Step]) -> set[int]:
    """The maps, by `id`, whose upsampling the mask does that alone reads them."""
    behind = readers(steps)
    return {
        id(step.output)
        for step in steps
        if isinstance(step.layer, ResizeToPartner)
        and step.layer.interpolation != "nearest"
        and None not in (*step.inputs[0].shape[1:3], *step.output.shape[1:3])
        and step.inputs[0].shape[1:3] != (1, 1)
        and [type(reader.layer) for reader in behind[id(step.output)]] == [ClassMask]
    }


def class_mask(site: Site) -> str:
    """`ClassMask`: (batch, height, width), uint8."""
    graph, name, given = site.graph, site.name, site.values[0]
    if given.upsampling is not None:
        mask = _upsampled(site, given.upsampling)
    elif graph.for_openvino:
        mask = _by_comparison(graph, given.name, site.shapes[0][-1], name)
    else:
        mask = _by_argmax(graph, given.name, name)
    if len(site.values) == 2:
        sides, wanted = site.shapes[0][1:3], site.shapes[1][1:3]
        mask = resize(graph, mask, sides, wanted, "nearest", f"{name}_resized", site.values[1].name)
    mask = graph.add("Squeeze", [mask, graph.scalars([1])], f"{name}_flat")
    return graph.cast(mask, np.uint8, name)


def _by_argmax(graph: Graph, x: str, name: str) -> str:
    """Over the last axis: over channels that come first ONNX Runtime strides through the memory.

    In floats afterwards, as TensorRT resizes only these, and converts only these to uint8.
    """
    x = graph.add("Transpose", [x], f"{name}_channels_last", perm=(0, 2, 3, 1))
    mask = graph.add("ArgMax", [x], f"{name}_index", axis=3, keepdims=0)
    mask = graph.cast(mask, graph.real, f"{name}_real")
    return graph.add("Unsqueeze", [mask, graph.scalars([1])], f"{name}_map")


def _by_comparison(graph: Graph, x: str, classes: int, name: str) -> str:
    """The least index of the largest, in floats: OpenVINO's ArgMax sorts."""
    largest = graph.add("ReduceMax", [x], f"{name}_largest", axes=(1,), keepdims=1)
    best = graph.add("GreaterOrEqual", [x, largest], f"{name}_best")
    places = graph.weights(np.arange(classes).reshape(1, -1, 1, 1), f"{name}_places")
    beyond = graph.weights(np.array(classes), f"{name}_beyond")
    places = graph.add("Where", [best, places, beyond], f"{name}_candidates")
    return graph.add("ReduceMin", [places], f"{name}_index", axes=(1,), keepdims=1)


def _upsampled(site: Site, upsampling: Upsampling) -> str:
    """In strips of rows, of a map without a batch and classes outermost.

    Strips stay in the processor's caches from one operation to the next, and of all pixels of the
    image only the class is ever written. Their rows are made by a small product of matrices.
    Columns are made in ONNX Runtime of the whole map before, where there are few rows. Not so in
    OpenVINO: it lays out a map of four axes for convolutions, channels innermost, in which resizing
    19 channels is slow, and resizes it in bfloat16 where it computes in that. A map of three axes
    it leaves alone, in float32.
    """
    graph, name = site.graph, site.name
    height, width, interpolation = upsampling
    rows, columns, classes = site.shapes[0][1:]
    x, wide = site.x, width
    if not graph.for_openvino:
        x = resize(graph, x, (height, width), (height, columns), interpolation, f"{name}_columns")
        wide = columns
    x = graph.add("Reshape", [x, graph.scalars([classes, height, wide])], f"{name}_planes")
    all_shares, strips = row_shares(height, rows, interpolation), []
    for start in range(0, rows, STRIP):
        shares = all_shares[start : start + STRIP]
        first, *_, last = np.flatnonzero(shares.any(0)).repeat(2).tolist()
        limits = [graph.scalars([place]) for place in (first, last + 1, 1)]
        strip = graph.add("Slice", [x, *limits], f"{name}_strip")
        shares_name = graph.weights(shares[:, first : last + 1], f"{name}_shares")
        strip = graph.add("MatMul", [shares_name, strip], f"{name}_rows")
        if graph.for_openvino:
            wanted = (classes, len(shares), columns)
            strip = resize_columns(graph, strip, width, wanted, interpolation, f"{name}_columns")
        strip = graph.add("ArgMax", [strip], f"{name}_index", axis=0, keepdims=1)
        strips.append(graph.cast(strip, np.float32, f"{name}_real"))
    mask = strips[0] if len(strips) == 1 else graph.add("Concat", strips, f"{name}_all", axis=1)
    return graph.add("Unsqueeze", [mask, graph.scalars([0])], f"{name}_map")
