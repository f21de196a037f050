"""Names of Fast-SCNN's and ContextNet's weights in chainercv2 and pytorchcv.

Both packages name their units alike: '/' separates in the first, '.' in the second. A unit is a
convolution `conv` and, except for the classifiers, a batch norm `bn`.
"""

from typing import NamedTuple

import numpy as np


class Unit(NamedTuple):
    """A convolution with its batch norm: our layers' paths, and the unit's name over there."""

    convolution: str
    batch_norm: str | None
    source: str


def _conv(ours: str, source: str) -> list[Unit]:
    return [Unit(f"{ours}_conv", f"{ours}_bn", source)]


def _separable(ours: str, depthwise: str, pointwise: str) -> list[Unit]:
    return [
        Unit(f"{ours}/depthwise", f"{ours}/depthwise_bn", depthwise),
        Unit(f"{ours}/pointwise", f"{ours}/pointwise_bn", pointwise),
    ]


def _ds_conv(ours: str, source: str) -> list[Unit]:
    return _separable(ours, f"{source}/dw_conv", f"{source}/pw_conv")


def _stages(ours: str, repeats: tuple[int, ...], source: str) -> list[Unit]:
    """The inverted residuals of stages; `source` has their numbers, and that of a convolution."""
    return [
        unit
        for stage, count in enumerate(repeats, start=1)
        for block in range(count)
        for step, name in enumerate(("expand", "depthwise", "project"))
        for unit in _conv(
            f"{ours}_stage{stage}_{block}/{name}",
            source.format(stage=stage, block=block + 1, step=step, step_from_1=step + 1),
        )
    ]


def _heads(auxiliary: str) -> list[Unit]:
    return [
        *_ds_conv("head_ds1", "head/conv1"),
        *_ds_conv("head_ds2", "head/conv2"),
        Unit("head_classifier", None, "head/conv3"),
        *_conv(auxiliary, "aux_head/conv1"),
        Unit(f"{auxiliary}_classifier", None, "aux_head/conv2"),
    ]


UNITS = {
    "fastscnn": [
        *_conv("downsample_stem", "stem/conv1"),
        *_ds_conv("downsample_ds1", "stem/conv2"),
        *_ds_conv("downsample_ds2", "stem/conv3"),
        *_stages(
            "global", (3, 3, 3), "features/features/stage{stage}/unit{block}/conv{step_from_1}"
        ),
        *_conv("global_pool/bin1", "pool/branches/branch2/conv"),  # the first is the map itself
        *_conv("global_pool/bin2", "pool/branches/branch3/conv"),
        *_conv("global_pool/bin3", "pool/branches/branch4/conv"),
        *_conv("global_pool/bin6", "pool/branches/branch5/conv"),
        *_conv("global_pool/project", "pool/conv"),
        *_separable("fusion_low", "fusion/low_dw_conv", "fusion/low_pw_conv"),
        *_conv("fusion_high", "fusion/high_conv"),
        *_heads("aux_downsample"),
    ],
    "contextnet": [
        *_conv("shallow_stem", "features_high/conv1"),
        *_ds_conv("shallow_ds1", "features_high/conv2"),
        *_ds_conv("shallow_ds2", "features_high/conv3"),
        *_ds_conv("shallow_ds3", "features_high/conv4"),
        *_conv("deep_stem", "features_low/features/init_block"),
        *_stages(
            "deep",
            (1, 1, 3, 3, 2, 2),
            "features_low/features/stage{stage}/unit{block}/block/{step}",
        ),
        *_separable("fusion_low", "fusion/dw_conv_low", "fusion/pw_conv_low"),
        *_conv("fusion_high", "fusion/conv_high"),
        *_heads("aux_shallow"),
    ],
}
CONVOLUTION = {  # our kinds of weights to theirs
    "pytorchcv": {"kernel": "weight", "bias": "bias"},
    "chainercv2": {"kernel": "W", "bias": "b"},
}
BATCH_NORM = {
    "pytorchcv": {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    },
    "chainercv2": {
        "gamma": "gamma",
        "beta": "beta",
        "moving_mean": "avg_mean",
        "moving_variance": "avg_var",
    },
}
SEPARATORS = {"pytorchcv": ".", "chainercv2": "/"}
COUNTERS = {"pytorchcv": "num_batches_tracked", "chainercv2": "N"}  # of batches seen
FIRST = {"stem": "fastscnn", "features_high": "contextnet", "features_low": "contextnet"}


def recognise(names: list[str]) -> tuple[str, str] | None:
    """The network and the package that tensors of these names are from; None for neither."""
    for package, separator in SEPARATORS.items():
        found = {FIRST.get(name.split(separator)[0]) for name in names if separator in name}
        if len(found - {None}) == 1:
            return next(network for network in found if network), package
    return None


def source_names(network: str, package: str) -> dict[str, str]:
    """The package's name of each weight that the network may have, by our variable path."""
    names = {}
    for convolution, batch_norm, source in UNITS[network]:
        conv = source if batch_norm is None else f"{source}/conv"
        for ours, theirs in CONVOLUTION[package].items():
            names[f"{convolution}/{ours}"] = f"{conv}/{theirs}"
        if batch_norm is not None:
            for ours, theirs in BATCH_NORM[package].items():
                names[f"{batch_norm}/{ours}"] = f"{source}/bn/{theirs}"
    return {ours: theirs.replace("/", SEPARATORS[package]) for ours, theirs in names.items()}


def is_counter(name: str, package: str) -> bool:
    """Whether a tensor only counts batches, of which Keras keeps no count."""
    return name.endswith(f"{SEPARATORS[package]}bn{SEPARATORS[package]}{COUNTERS[package]}")


def to_keras(array: np.ndarray, path: str) -> np.ndarray:
    """A weight as Keras orders its axes.

    Args:
        array: of a convolution (outputs, inputs, height, width); others stay as they are.
        path: our variable path.

    Returns:
        (height, width, inputs, outputs); of a depthwise one (height, width, channels, 1).
    """
    if array.ndim != 4:
        return array
    return np.ascontiguousarray(
        array.transpose((2, 3, 0, 1) if "depthwise" in path else (2, 3, 1, 0))
    )
