"""Names of the weights of EfficientViT's segmentation networks in its authors' PyTorch code."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

CONVOLUTION = {"kernel": "weight", "bias": "bias"}  # our kinds of weights to theirs
BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
COUNTER = ".num_batches_tracked"  # of batches seen, of which Keras keeps no count
STEM = "backbone.input_stem.op_list.0.conv.weight"
# By channels of the stem, as in `scmnet_zoo.models.efficientvit`; a test compares the two.
VARIANTS = {8: "b0", 16: "b1", 24: "b2", 32: "b3"}
HEAD_INPUTS = {  # by our stage
    4: "head.input_ops.0.op_list.0",
    3: "head.input_ops.1.op_list.0",
    2: "head.input_ops.2",
}


class Unit(NamedTuple):
    """A convolution and, if any, its batch norm: our layers' paths, and the modules over there."""

    convolution: str
    batch_norm: str | None
    source: str
    source_norm: str = ""


def _conv(ours: str, source: str) -> Unit:
    return Unit(f"{ours}_conv", f"{ours}_bn", f"{source}.conv", f"{source}.norm")


def _inverted(ours: str, source: str) -> list[Unit]:
    return [
        _conv(f"{ours}/expand", f"{source}.inverted_conv"),
        _conv(f"{ours}/depthwise", f"{source}.depth_conv"),
        _conv(f"{ours}/project", f"{source}.point_conv"),
    ]


def _stem(depth: int) -> list[Unit]:
    units = [_conv("stem", "backbone.input_stem.op_list.0")]
    for i in range(depth):
        for ours, theirs in (("depthwise", "depth_conv"), ("pointwise", "point_conv")):
            ours, theirs = (
                f"stem_ds{i}/{ours}",
                f"backbone.input_stem.op_list.{i + 1}.main.{theirs}",
            )
            units.append(Unit(ours, f"{ours}_bn", f"{theirs}.conv", f"{theirs}.norm"))
    return units


def _block(ours: str, source: str) -> list[Unit]:
    context, attention = f"{source}.context_module.main", f"{ours}_attention"
    return [
        Unit(f"{attention}/qkv", None, f"{context}.qkv.conv"),
        Unit(f"{attention}/aggregate_depthwise", None, f"{context}.aggreg.0.0"),
        Unit(f"{attention}/aggregate_pointwise", None, f"{context}.aggreg.0.1"),
        _conv(f"{attention}/project", f"{context}.proj"),
        *_inverted(ours, f"{source}.local_module.main"),
    ]


def _units(depths: Sequence[int], head_depth: int) -> list[Unit]:
    units = _stem(depths[0])
    for stage in range(1, 5):
        ours, source = f"stage{stage}", f"backbone.stages.{stage - 1}.op_list"
        first = 1 if stage > 2 else depths[stage]
        for i in range(first):
            units += _inverted(f"{ours}_{i}", f"{source}.{i}.main")
        if stage > 2:
            for i in range(1, depths[stage] + 1):
                units += _block(f"{ours}_{i}", f"{source}.{i}")
    units += [_conv(f"head_stage{stage}", source) for stage, source in HEAD_INPUTS.items()]
    for i in range(head_depth):
        units += _inverted(f"head_middle_{i}", f"head.middle.op_list.{i}.main")
    units += [_conv("head_output", "head.output_ops.0.op_list.0")]
    return [*units, Unit("head_classifier", None, "head.output_ops.0.op_list.1.conv")]


def recognise(shapes: dict[str, tuple[int, ...]]) -> str | None:
    """The variant that tensors of these names and shapes are of; None for none."""
    return VARIANTS.get(shapes.get(STEM, (0,))[0])


def depths_of(names: Collection[str]) -> tuple[tuple[int, ...], int]:
    """How many blocks the stem and the four stages have, and the head, by the names in a file."""
    stem = _length(names, "backbone.input_stem.op_list.") - 1
    stages = [_length(names, f"backbone.stages.{stage}.op_list.") for stage in range(4)]
    # The first block of the last two stages halves the size and is not counted as a block.
    depths = (stem, *stages[:2], *(length - 1 for length in stages[2:]))
    return depths, _length(names, "head.middle.op_list.")


def _length(names: Collection[str], prefix: str) -> int:
    """How many modules a list of this prefix has: numbers from 0 without a gap."""
    numbers = {name[len(prefix) :].partition(".")[0] for name in names if name.startswith(prefix)}
    length = 0
    while str(length) in numbers:
        length += 1
    return length


def source_names(depths: Sequence[int], head_depth: int) -> dict[str, str]:
    """The authors' name of each weight that the network may have, by our variable path.

    Args:
        depths: blocks of the stem and of stages 1 to 4, as of a variant.
        head_depth: blocks of the head.
    """
    names = {}
    for unit in _units(depths, head_depth):
        for ours, theirs in CONVOLUTION.items():
            names[f"{unit.convolution}/{ours}"] = f"{unit.source}.{theirs}"
        if unit.batch_norm is not None:
            for ours, theirs in BATCH_NORM.items():
                names[f"{unit.batch_norm}/{ours}"] = f"{unit.source_norm}.{theirs}"
    return names
