"""Linear attention in an ONNX graph."""

import numpy as np

from scmnet_zoo.deploy.onnx_site import Site
from scmnet_zoo.layers.linear_attention import EPSILON


def linear_attention(site: Site) -> str:
    """`LinearAttention`: (batch, heads d, height, width), in float32 inside.

    ReLU and the least divisor are by Max, which quantisation to INT8 leaves in float32.
    """
    graph, name, x = site.graph, site.name, site.x
    d, (height, width, channels) = site.layer.head_width, site.shapes[0][1:]
    heads = channels // (3 * d)
    half = graph.real is not np.float32
    if half:
        x = graph.cast(x, np.float32, f"{name}_full")
    split = graph.scalars([0, heads, 3 * d, -1])  # 0 keeps the batch
    split = graph.add("Reshape", [x, split], f"{name}_heads")  # (batch, heads, 3 d, pixels)

    def part(first: int, last: int, of: str) -> str:
        limits = [graph.scalars([place]) for place in (first, last, 2, 1)]
        return graph.add("Slice", [split, *limits], f"{name}_{of}")

    zero, one, least = (
        graph.floats(np.array(value), f"{name}_{key}")
        for key, value in (("zero", 0.0), ("one", 1.0), ("least", EPSILON))
    )
    q = graph.add("Max", [part(0, d, "q"), zero], f"{name}_q_relu")
    k = graph.add("Max", [part(d, 2 * d, "k"), zero], f"{name}_k_relu")
    k = graph.add("Transpose", [k], f"{name}_k_pixels", perm=(0, 1, 3, 2))
    row = graph.scalars([0, 0, 0, 0, 0, 0, 1, 0])
    v = graph.add("Pad", [part(2 * d, 3 * d, "v"), row, one], f"{name}_v_one")  # d + 1 rows
    context = graph.add("MatMul", [v, k], f"{name}_context")  # (batch, heads, d + 1, d)
    x = graph.add("MatMul", [context, q], f"{name}_sums")  # (batch, heads, d + 1, pixels)
    rows = [graph.scalars([place]) for place in (0, d, d + 1, 2, 1)]
    above = graph.add("Slice", [x, rows[0], rows[1], rows[3], rows[4]], f"{name}_above")
    below = graph.add("Slice", [x, rows[1], rows[2], rows[3], rows[4]], f"{name}_below")
    below = graph.add("Max", [below, least], f"{name}_divisor")
    x = graph.add("Div", [above, below], f"{name}_mean")
    if half:
        x = graph.cast(x, np.float16, f"{name}_half")
    if None in (height, width):
        sides = graph.add("Shape", [site.x], f"{name}_sides", start=2, end=4)
        front = graph.scalars([0, heads * d])
        shape = graph.add("Concat", [front, sides], f"{name}_shape", axis=0)
    else:
        shape = graph.scalars([0, heads * d, height, width])
    return graph.add("Reshape", [x, shape], name)
