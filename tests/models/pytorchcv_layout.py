"""Names and shapes of Fast-SCNN's and ContextNet's weights in pytorchcv and chainercv2.

Both packages name their units alike: '.' separates in the first, '/' in the second.
"""

import re

import numpy as np

STEPS = {"expand": 1, "depthwise": 2, "project": 3}  # the convolutions of an inverted residual
BINS = {1: 2, 2: 3, 3: 4, 6: 5}  # bins to the number of the branch; the first is the map itself

COMMON = {
    r"head_ds(\d)/(depth|point)wise": lambda m: f"head/conv{m[1]}/{m[2][0]}w_conv",
    r"head_classifier": lambda m: "head/conv3",
    r"aux_(?:downsample|shallow)_classifier": lambda m: "aux_head/conv2",
    r"aux_(?:downsample|shallow)": lambda m: "aux_head/conv1",
}
UNITS = {
    "fastscnn": {
        r"downsample_stem": lambda m: "stem/conv1",
        r"downsample_ds(\d)/(depth|point)wise": lambda m: (
            f"stem/conv{int(m[1]) + 1}/{m[2][0]}w_conv"
        ),
        r"global_stage(\d)_(\d)/(\w+)": lambda m: (
            f"features/features/stage{m[1]}/unit{int(m[2]) + 1}/conv{STEPS[m[3]]}"
        ),
        r"global_pool/bin(\d)": lambda m: f"pool/branches/branch{BINS[int(m[1])]}/conv",
        r"global_pool/project": lambda m: "pool/conv",
        r"fusion_low/(depth|point)wise": lambda m: f"fusion/low_{m[1][0]}w_conv",
        r"fusion_high": lambda m: "fusion/high_conv",
        **COMMON,
    },
    "contextnet": {
        r"shallow_stem": lambda m: "features_high/conv1",
        r"shallow_ds(\d)/(depth|point)wise": lambda m: (
            f"features_high/conv{int(m[1]) + 1}/{m[2][0]}w_conv"
        ),
        r"deep_stem": lambda m: "features_low/features/init_block",
        r"deep_stage(\d)_(\d)/(\w+)": lambda m: (
            f"features_low/features/stage{m[1]}/unit{int(m[2]) + 1}/block/{STEPS[m[3]] - 1}"
        ),
        r"fusion_low/(depth|point)wise": lambda m: f"fusion/{m[1][0]}w_conv_low",
        r"fusion_high": lambda m: "fusion/conv_high",
        **COMMON,
    },
}
LEAVES = {
    "pytorchcv": {
        "kernel": "weight",
        "bias": "bias",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    },
    "chainercv2": {
        "kernel": "W",
        "bias": "b",
        "gamma": "gamma",
        "beta": "beta",
        "moving_mean": "avg_mean",
        "moving_variance": "avg_var",
    },
}


def source_name(network: str, path: str, package: str) -> str:
    """The name that a package gives to the weight of one of our variable paths."""
    unit, leaf = re.fullmatch(r"(.+?)(?:_conv|_bn)?/(\w+)", path).groups()
    matches = ((re.fullmatch(pattern, unit), name) for pattern, name in UNITS[network].items())
    parts = [next(name(match) for match, name in matches if match)]
    if not unit.endswith("classifier"):
        parts.append("conv" if leaf in ("kernel", "bias") else "bn")
    parts.append(LEAVES[package][leaf])
    name = "/".join(parts)
    return name.replace("/", ".") if package == "pytorchcv" else name


def to_keras(array: np.ndarray, path: str) -> np.ndarray:
    """A weight as Keras orders its axes: (outputs, inputs, height, width) comes in."""
    if array.ndim != 4:
        return array
    if "depthwise" in path:
        return array.transpose(2, 3, 0, 1)
    return array.transpose(2, 3, 1, 0)


def tensors(network: str, paths, source, package: str) -> dict[str, np.ndarray]:
    """Weights by our variable paths, out of `source` by the package's names."""
    return {
        path: to_keras(np.asarray(source[source_name(network, path, package)]), path)
        for path in paths
    }
