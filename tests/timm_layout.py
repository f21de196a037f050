"""timm's EfficientViT backbones, and the transfer of their weights to ours."""

import contextlib
import importlib.util
import sys
from unittest import mock

import numpy as np

from scmnet_zoo.layers.linear_attention import EPSILON
from scmnet_zoo.models.efficientvit import VARIANTS
from scmnet_zoo.weights.foreign import efficientvit, osmr

# timm imports torchvision for other networks; where it is missing these do without.
TORCHVISION = ("ops", "ops.misc", "transforms", "transforms.functional", "datasets", "models")


def reference(variant: str):
    """The package's backbone in PyTorch with random weights and batch norm statistics."""
    import torch

    with _without_torchvision():
        from timm.models import efficientvit_mit

    torch.manual_seed(0)
    model = getattr(efficientvit_mit, f"efficientvit_{variant}")(num_classes=0).eval()
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 4:
            torch.nn.init.kaiming_normal_(tensor)
        elif name.endswith(("bias", "running_mean")):
            tensor.normal_(0.0, 0.1)
        elif tensor.ndim == 1:
            # What each of thirty blocks adds stays small, so that nothing overflows.
            tensor.uniform_(*((0.5, 1.5) if name.endswith("running_var") else (0.2, 0.6)))
    for module in model.modules():
        if isinstance(module, efficientvit_mit.LiteMLA):
            module.eps = EPSILON  # as in the authors' code; timm's own is 1e-5
    return model


@contextlib.contextmanager
def _without_torchvision():
    """Something in torchvision's place for as long as timm is imported, where it is missing."""
    names = ["torchvision", *(f"torchvision.{name}" for name in TORCHVISION)]
    if importlib.util.find_spec("torchvision") is not None:
        names = []
    for name in names:
        sys.modules[name] = mock.MagicMock(__spec__=None, __path__=[])
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def transfer(variant: str, model, source_model) -> None:
    """Give our model's backbone the weights of the reference: all of them, and none left over."""
    source = {k: v.numpy() for k, v in source_model.state_dict().items()}
    source = {  # timm's own head classifies images
        name: array
        for name, array in source.items()
        if not name.endswith("num_batches_tracked") and not name.startswith("head.")
    }
    names = efficientvit.source_names(VARIANTS[variant].depths, VARIANTS[variant].depth)
    for variable in model.weights:
        if not variable.path.startswith("head_"):
            array = source.pop(_timm_name(names[variable.path]))
            variable.assign(osmr.to_keras(array, variable.path))
    assert not source


def outputs(source_model, x: np.ndarray):
    """The reference's stages for (batch, height, width, channels), in the same order of axes."""
    import torch

    with torch.no_grad():
        x = source_model.stem(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
        found = [x := stage(x) for stage in source_model.stages]
    return [o.numpy().transpose(0, 2, 3, 1) for o in found]


def _timm_name(name: str) -> str:
    """timm's name of a weight of the authors' backbone."""
    if name.startswith("backbone.input_stem"):
        number, rest = name.removeprefix("backbone.input_stem.op_list.").split(".", 1)
        return f"stem.in_conv.{rest}" if number == "0" else f"stem.res{int(number) - 1}.{rest}"
    return name.removeprefix("backbone.").replace(".op_list.", ".blocks.")
