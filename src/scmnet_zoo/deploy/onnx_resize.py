"""Resizing of maps in an ONNX graph, alike for every size."""

import numpy as np

from scmnet_zoo.deploy.onnx_graph import Graph
from scmnet_zoo.layers.resize import CUBIC, cubic_shares

MODES = {
    "bilinear": "half_pixel",
    "bilinear_align_corners": "align_corners",
    "bicubic": "half_pixel",
}

Sides = tuple[int | None, int | None]


def resize(
    graph: Graph, x: str, old: Sides, new: Sides, interpolation: str, name: str, partner: str = ""
) -> str:
    """Add the nodes that bring a map to another size.

    Args:
        graph: takes the nodes.
        x: the map, channels first.
        old: its height and width, None where they vary.
        new: those wanted.
        interpolation: one of `scmnet_zoo.layers.resize.INTERPOLATIONS`.
        name: of the result.
        partner: a map of the size wanted, read where `new` varies.
    """
    known = None not in (*old, *new)
    if known and old == new:
        return x
    if old == (1, 1):
        return graph.add("Expand", [x, _sides(graph, new, partner, name, [1, 1])], name)
    if known and interpolation == "bicubic":  # ONNX Runtime's cubic Resize takes far longer
        return _by_products(graph, x, old, new, name)  # type: ignore[arg-type]
    factors = [a / b for a, b in zip(new, old, strict=True)] if known else []  # type: ignore[operator]
    whole = known and all(factor.is_integer() for factor in factors)
    if interpolation == "nearest" and not whole:
        for axis, kept, wanted in zip((2, 3), old, new, strict=True):
            x = _gather(graph, x, axis, kept, wanted, name, partner)
        return x
    if whole:
        size = ["", graph.scalars([1.0, 1.0, *map(float, factors)])]
    else:
        shape = graph.add("Shape", [x], f"{name}_channels", start=0, end=2)
        sides = _sides(graph, new, partner, name, [])
        size = ["", "", graph.add("Concat", [shape, sides], f"{name}_size", axis=0)]
    if interpolation == "nearest":  # by whole factors: nothing to round
        return graph.add(
            "Resize",
            [x, *size],
            name,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    cubic = interpolation == "bicubic"
    return graph.add(
        "Resize",
        [x, *size],
        name,
        mode="cubic" if cubic else "linear",
        coordinate_transformation_mode=MODES[interpolation],
        cubic_coeff_a=CUBIC if cubic else None,
    )


def _by_products(
    graph: Graph, x: str, old: tuple[int, int], new: tuple[int, int], name: str
) -> str:
    """Cubic resizing by known sizes, as a product of matrices for each axis that changes."""
    if old[1] != new[1]:
        shares = graph.weights(row_shares(old[1], new[1], "bicubic").T, f"{name}_column_shares")
        x = graph.add("MatMul", [x, shares], name if old[0] == new[0] else f"{name}_columns")
    if old[0] != new[0]:
        shares = graph.weights(row_shares(old[0], new[0], "bicubic"), f"{name}_row_shares")
        x = graph.add("MatMul", [shares, x], name)
    return x


def _sides(graph: Graph, new: Sides, partner: str, name: str, before: list[int]) -> str:
    """A list of `before` and the sides wanted."""
    known = [side for side in new if side is not None]
    if len(known) == len(new):
        return graph.scalars([*before, *known])
    sides = graph.add("Shape", [partner], f"{name}_sides", start=2, end=4)
    if not before:
        return sides
    return graph.add("Concat", [graph.scalars(before), sides], f"{name}_shape", axis=0)


def _gather(
    graph: Graph, x: str, axis: int, old: int | None, new: int | None, name: str, partner: str
) -> str:
    """Nearest neighbour along an axis, in whole numbers: pixel (2 i + 1) old // (2 new)."""
    last = name if axis == 3 else f"{name}_rows"
    if old is not None and new is not None:
        if old == new:
            return x
        known = (2 * np.arange(new) + 1) * old // (2 * new)
        return graph.add("Gather", [x, graph.integers(known, f"{last}_places")], last, axis=axis)
    one, two = graph.scalars([1]), graph.scalars([2])
    before = graph.add("Shape", [x], f"{last}_old", start=axis, end=axis + 1)
    if new is None:
        after = graph.add("Shape", [partner], f"{last}_new", start=axis, end=axis + 1)
    else:
        after = graph.scalars([new])
    even = graph.add("Mul", [graph.counted(after, f"{last}_index"), two], f"{last}_even")
    odd = graph.add("Add", [even, one], f"{last}_odd")
    scaled = graph.add("Mul", [odd, before], f"{last}_scaled")
    twice = graph.add("Mul", [after, two], f"{last}_twice")
    places = graph.add("Div", [scaled, twice], f"{last}_places")
    return graph.add("Gather", [x, places], last, axis=axis)


def resize_columns(
    graph: Graph, x: str, old: int, wanted: tuple[int, int, int], interpolation: str, name: str
) -> str:
    """Add the node that brings the last of three axes to another size."""
    if interpolation == "bicubic":
        shares = row_shares(old, wanted[2], interpolation).T
        return graph.add("MatMul", [x, graph.weights(shares, f"{name}_shares")], name)
    return graph.add(
        "Resize",
        [x, "", "", graph.scalars([*wanted])],
        name,
        mode="linear",
        coordinate_transformation_mode=MODES[interpolation],
    )


def row_shares(old: int, new: int, interpolation: str) -> np.ndarray:
    """What each old row gives to each new one in linear or cubic resizing, (new, old)."""
    if interpolation == "bicubic":
        return cubic_shares(old, new)
    pixel = np.arange(new)
    if MODES[interpolation] == "align_corners":
        places = pixel * (old - 1) / max(new - 1, 1)
    else:
        places = np.clip((pixel + 0.5) * old / new - 0.5, 0, old - 1)
    return np.clip(1 - np.abs(places[:, None] - np.arange(old)), 0, 1)
