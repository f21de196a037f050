"""The peer in plain PyTorch is the zoo's SCMNet."""

import keras
import numpy as np
import pytest
from testing_tools import arrays, randomise

from scmnet_zoo.models import SCMNet

torch = pytest.importorskip("torch")

DS_CONV = {"0.conv": "depthwise", "1": "pointwise", "2": "bn"}
STEM = {"0.conv": "conv", "1": "bn"}
BLOCK = {
    "layers.0": "expand_conv",
    "layers.1": "expand_bn",
    "layers.3.conv": "depthwise_conv",
    "layers.4": "depthwise_bn",
    "layers.6": "project_conv",
    "layers.7": "project_bn",
}
CONTEXT = {
    **{f"point.{n}": f"pointwise_{kind}" for n, kind in enumerate(("conv", "bn"))},
    **{f"whole.{n}": f"global_pool_{kind}" for n, kind in enumerate(("conv", "bn"))},
    **{f"local.{n}": f"local_pool_{kind}" for n, kind in enumerate(("conv", "bn"))},
    **{f"atrous.{one}": f"atrous/{other}" for one, other in DS_CONV.items()},
}
STAGES = {"deep1": "1_0 2_0 2_1", "deep2": "3_0 3_1 3_2 4_0", "deep3": "5_0 5_1 5_2 6_0"}
NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def layers():
    """The zoo's layer of each module of the peer."""
    found = {"head.3": "head_classifier"}
    for ours, theirs in (("deep_stem", "deep_stem"), ("stem", "shallow_stem")):
        found |= {f"{ours}.{one}": f"{theirs}_{other}" for one, other in STEM.items()}
    for name, stages in STAGES.items():
        for number, stage in enumerate(stages.split()):
            prefix = f"deep_stage{stage}"
            found |= {f"{name}.{number}.{a}": f"{prefix}/{b}" for a, b in BLOCK.items()}
    separable = {f"shallow{n}": f"shallow_ds{n}" for n in (1, 2, 3, 4)}
    for name, prefix in (separable | {"head.0": "head_ds1", "head.1": "head_ds2"}).items():
        found |= {f"{name}.{a}": f"{prefix}/{b}" for a, b in DS_CONV.items()}
    for number in (1, 2, 3):
        found |= {f"context{number}.{a}": f"cmm{number}/{b}" for a, b in CONTEXT.items()}
    return found


def layer_of(module):
    """The zoo's layer of a module, also in the fusion, whose names are alike."""
    if not module.startswith("fusion"):
        return layers()[module]
    _, kind, name, number, *_ = module.split(".")
    if kind == "laterals":
        return f"fusion/lateral_F{name}_{('conv', 'bn')[int(number)]}"
    return f"fusion/{name}_{({'1': 'depthwise', '2': 'pointwise', '3': 'bn'})[number]}"


def copy_weights(model, peer):
    """All of the zoo's weights; returns how many numbers were copied."""
    source, count = arrays(model), 0
    state = {key: one for key, one in peer.state_dict().items() if "num_batches" not in key}
    for key, tensor in state.items():
        module, _, leaf = key.rpartition(".")
        layer = layer_of(module)
        if layer.endswith("bn"):
            value = source[f"{layer}/{NORM[leaf]}"]
        elif leaf == "bias":
            value = source[f"{layer}/bias"]
        else:
            value = source[f"{layer}/kernel"]
            depthwise = "depthwise" in layer
            value = value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        assert tuple(value.shape) == tuple(tensor.shape), key
        tensor.copy_(torch.from_numpy(np.array(value)))
        count += value.size
    return count


@pytest.mark.parametrize("size", [(64, 128), (90, 122)])
def test_the_same_numbers(size):
    from lab.latency.torch_scmnet import SCMNet as Peer

    model = randomise(
        SCMNet(num_classes=5, include_preprocessing=False, classifier_activation=None)
    )
    peer = Peer(5).eval()
    with torch.no_grad():
        assert copy_weights(model, peer) == model.count_params()
        image = np.random.default_rng(0).normal(size=(1, *size, 3)).astype("float32")
        theirs = peer(torch.from_numpy(image).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    ours = keras.ops.convert_to_numpy(model(image))
    np.testing.assert_allclose(theirs, ours, atol=1e-4 * np.abs(ours).max())


def test_its_profile():
    """PyTorch's own: the operations and what lies between them make up a run."""
    from lab.latency.preset import Cell
    from lab.latency.profile_torch import KINDS, torch_splitter

    parts = torch_splitter(Cell("torch_scmnet", "torch", "eager", "f32", (64, 128), "mask"))()
    kinds = [part for part in parts[:-1] if part.by == "kind"]
    assert parts[-1].by == "call"
    assert 1 < len(kinds) <= KINDS + 1
    assert any("conv" in part.name for part in kinds)
    assert all(part.seconds > 0 for part in kinds)
