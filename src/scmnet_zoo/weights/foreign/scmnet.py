"""Names of the authors' released SCMNet, saved by Keras 2 with auto-numbered layers.

Keras 2 calls a layer without a name by its class and a number, `conv2d_99`, which counts the layers
of that class since the program began. So the numbers start anywhere; in between none is left out.
Within a class the layers were made in the order of `LAYERS`.
"""

import re
from typing import NamedTuple

AUTOMATIC = re.compile(
    r"(conv2d|depthwise_conv2d|separable_conv2d|batch_normalization)(?:_(\d{1,9}))?"
)
KINDS = {  # of each class's weights
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("depthwise_kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
}
LATERALS = ("F6", "F5", "F4", "F2", "F1", "F0")
NODES = (
    *("td1_F5", "td1_F4", "bu1_F1", "bu1_F2", "mid_F2", "bu2_F4", "bu2_F5", "bu2_F6"),
    *("td2_F5", "td2_F4", "td2_F2", "td2_F1", "td2_F0"),
)


class Layer(NamedTuple):
    """A layer over there: its class, our layer, and its name where the authors gave one."""

    kind: str
    ours: str  # for a separable convolution what comes before `depthwise` and `pointwise`
    name: str | None = None


def _conv(ours: str, name: str | None = None) -> list[Layer]:
    return [Layer("conv2d", f"{ours}_conv", name), Layer("batch_normalization", f"{ours}_bn")]


def _ds_conv(ours: str, name: str | None = None) -> list[Layer]:
    return [
        Layer("separable_conv2d", f"{ours}/", name),
        Layer("batch_normalization", f"{ours}/bn"),
    ]


def _stage(number: int, repeats: int) -> list[Layer]:
    layers = []
    for block in (f"deep_stage{number}_{i}" for i in range(repeats)):
        layers += _conv(f"{block}/expand")
        layers += [Layer("depthwise_conv2d", f"{block}/depthwise_conv")]
        layers += [Layer("batch_normalization", f"{block}/depthwise_bn")]
        layers += _conv(f"{block}/project")
    return layers


def _context(number: int) -> list[Layer]:
    return [
        *_conv(f"cmm{number}/pointwise"),
        *_ds_conv(f"cmm{number}/atrous"),
        *_conv(f"cmm{number}/global_pool"),
        *_conv(f"cmm{number}/local_pool"),
    ]


def _node(node: str) -> list[Layer]:
    return [
        Layer("separable_conv2d", f"fusion/{node}_"),
        Layer("batch_normalization", f"fusion/{node}_bn"),
    ]


def _lateral(level: str) -> list[Layer]:
    name = "F0/convd" if level == "F0" else f"{level}/conv2d"  # a slip of the authors'
    return _conv(f"fusion/lateral_{level}", name)


LAYERS = [
    *(_conv("deep_stem") + _stage(1, 1) + _stage(2, 2)),
    *(_conv("shallow_stem") + _ds_conv("shallow_ds1") + _ds_conv("shallow_ds2")),
    *_context(1),
    *(_stage(3, 3) + _stage(4, 1) + _ds_conv("shallow_ds3")),
    *_context(2),
    *(_stage(5, 3) + _stage(6, 1) + _ds_conv("shallow_ds4")),
    *_context(3),
    *(layer for level in LATERALS for layer in _lateral(level)),
    *(layer for node in NODES for layer in _node(node)),
    *_ds_conv("head_ds1", "DSConv1_output"),
    *_ds_conv("head_ds2", "DSConv2_output"),
    Layer("conv2d", "head_classifier", "conv_output"),
]


def recognise(names: list[str]) -> bool:
    """Whether tensors of these names, `layer/kind`, are of a network with auto-numbered layers."""
    return any(AUTOMATIC.fullmatch(name.rpartition("/")[0]) for name in names)


def source_names(names: list[str], source: str) -> dict[str, str]:
    """The released network's name of each weight that the zoo's may have, by our variable path.

    Args:
        names: those in the file, which tell where the numbers of each class start.
        source: what messages call the file.

    Returns:
        For example `conv2d_99/kernel` by `deep_stem_conv/kernel`.

    Raises:
        ValueError: a class with more or fewer layers, or with a gap in their numbers.
    """
    layers = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    numbered = {kind: iter(_automatic(kind, layers, source)) for kind in KINDS}
    found = {}
    for layer in LAYERS:
        theirs = layer.name or next(numbered[layer.kind])
        for kind in KINDS[layer.kind]:
            found[_path(layer, kind)] = f"{theirs}/{kind}"
    return found


def _automatic(kind: str, layers: list[str], source: str) -> list[str]:
    """The names of a class's auto-numbered layers in the order of their creation."""
    matches = [match for match in map(AUTOMATIC.fullmatch, layers) if match and match[1] == kind]
    found = {int(match[2] or 0): match[0] for match in matches}
    wanted = sum(layer.kind == kind and layer.name is None for layer in LAYERS)
    expected = f"Expected {wanted} layers {kind}_N, numbered without a gap. Received: {source}"
    if not found:
        raise ValueError(f"{expected}, which has none")
    start = max(sorted(found), key=lambda n: sum(n <= number < n + wanted for number in found))
    numbers = range(start, start + wanted)
    lacks = [f"{kind}_{number}" for number in numbers if number not in found]
    holds = [found[number] for number in sorted(found) if number not in numbers]
    if lacks == [f"{kind}_{numbers[-1]}"] and start > 0:  # or the numbers start one earlier
        lacks = [f"{kind}_{start - 1} or {lacks[0]}"]
    if lacks or holds:
        which = [f"lacks {name}" for name in lacks[:3]] + [f"also holds {n}" for n in holds[:3]]
        raise ValueError(f"{expected}, which {', '.join(which)}")
    return [found[number] for number in numbers]


def _path(layer: Layer, kind: str) -> str:
    """Our variable path of one weight of a layer."""
    if layer.kind == "separable_conv2d":
        part = "depthwise" if kind == "depthwise_kernel" else "pointwise"
        return f"{layer.ours}{part}/{'bias' if kind == 'bias' else 'kernel'}"
    return f"{layer.ours}/{kind.removeprefix('depthwise_')}"
