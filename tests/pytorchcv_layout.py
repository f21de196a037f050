"""pytorchcv's Fast-SCNN and ContextNet, and the transfer of their weights to ours."""

import numpy as np

from scmnet_zoo.weights.foreign import osmr


def tensors(network: str, paths, source, package: str) -> dict[str, np.ndarray]:
    """Weights by our variable paths, out of `source` by the package's names."""
    names = osmr.source_names(network, package)
    return {path: osmr.to_keras(np.asarray(source[names[path]]), path) for path in paths}


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
    names = osmr.source_names(network, "pytorchcv")
    used = {names[path] for path in variables}
    assert used == {k for k in source if not k.endswith("num_batches_tracked")}
    for path, tensor in tensors(network, variables, source, "pytorchcv").items():
        variables[path].assign(tensor)


def outputs(source_model, x: np.ndarray):
    """The reference's outputs for (batch, height, width, channels), in the same order of axes."""
    import torch

    with torch.no_grad():
        found = source_model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return [o.numpy().transpose(0, 2, 3, 1) for o in found]
