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


def reference(network: str, auxiliary: bool):
    """The package's network in PyTorch with random weights and batch norm statistics."""
    import torch
    from pytorchcv.models.contextnet import ctxnet_cityscapes
    from pytorchcv.models.fastscnn import fastscnn_cityscapes

    torch.manual_seed(0)
    build = {"fastscnn": fastscnn_cityscapes, "contextnet": ctxnet_cityscapes}[network]
    model = build(aux=auxiliary, fixed_size=False).cpu().eval()
    for name, tensor in model.state_dict().items():
        if name.endswith(("bn.weight", "running_var")):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("bias", "running_mean")):
            tensor.normal_(0.0, 0.1)
    return model


def transfer(network: str, model, source_model) -> None:
    """Give our model the weights of the reference: all of them, and none left over.

    Only our second auxiliary head of Fast-SCNN has no counterpart there.
    """
    source = {k: v.cpu().numpy() for k, v in source_model.state_dict().items()}
    variables = {v.path: v for v in model.weights if not v.path.startswith("aux_global")}
    used = {source_name(network, path, "pytorchcv") for path in variables}
    assert used == {k for k in source if not k.endswith("num_batches_tracked")}
    for path, tensor in tensors(network, variables, source, "pytorchcv").items():
        variables[path].assign(tensor)


def outputs(source_model, x: np.ndarray):
    """The reference's outputs for (batch, height, width, channels), in the same order of axes."""
    import torch

    with torch.no_grad():
        found = source_model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return [o.numpy().transpose(0, 2, 3, 1) for o in found]
