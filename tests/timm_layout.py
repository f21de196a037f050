"""timm's EfficientViT backbones, and the transfer of their weights to ours."""

import sys
from unittest import mock

import numpy as np

from scmnet_zoo.weights.importers import efficientvit, osmr

# timm imports torchvision for other networks; where it is missing these do without.
TORCHVISION = ("ops", "ops.misc", "transforms", "transforms.functional", "datasets", "models")


def reference(variant: str):
    """The package's backbone in PyTorch with random weights and batch norm statistics."""
    import torch

    stubs = {}
    try:
        import torchvision  # noqa: F401
    except ImportError:
        names = ("torchvision", *(f"torchvision.{name}" for name in TORCHVISION))
        stubs = {name: mock.MagicMock(__spec__=None, __path__=[]) for name in names}
    with mock.patch.dict(sys.modules, stubs):
        from timm.models import efficientvit_mit

    torch.manual_seed(0)
    model = getattr(efficientvit_mit, f"efficientvit_{variant}")(num_classes=0).eval()
    for name, tensor in model.state_dict().items():
        if name.endswith(("norm.weight", "running_var")):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("bias", "running_mean")):
            tensor.normal_(0.0, 0.1)
        elif name.endswith("weight"):
            torch.nn.init.kaiming_normal_(tensor)
    return model


def transfer(variant: str, model, source_model) -> None:
    """Give our model's backbone the weights of the reference: all of them, and none left over."""
    source = {k: v.numpy() for k, v in source_model.state_dict().items()}
    source = {k: v for k, v in source.items() if not k.endswith("num_batches_tracked")}
    names = efficientvit.source_names(variant)
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
