"""Names of the weights of EfficientViT's segmentation networks in its authors' PyTorch code."""

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


def _units(variant: str) -> list[Unit]:
    from scmnet_zoo.models.efficientvit import VARIANTS  # which imports `scmnet_zoo.weights`

    _, depths, _, _, head_depth = VARIANTS[variant]
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
    from scmnet_zoo.models.efficientvit import VARIANTS

    width = shapes.get(STEM, (0,))[0]
    return next((key for key, one in VARIANTS.items() if one.widths[0] == width), None)


def source_names(variant: str) -> dict[str, str]:
    """The authors' name of each weight that the network may have, by our variable path."""
    names = {}
    for unit in _units(variant):
        for ours, theirs in CONVOLUTION.items():
            names[f"{unit.convolution}/{ours}"] = f"{unit.source}.{theirs}"
        if unit.batch_norm is not None:
            for ours, theirs in BATCH_NORM.items():
                names[f"{unit.batch_norm}/{ours}"] = f"{unit.source_norm}.{theirs}"
    return names
