"""Networks of other packages, in PyTorch, with random weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lab.latency.preset import Cell
from lab.latency.program import MEAN, STD

CLASSES = 19
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def _pytorchcv(name: str) -> Callable[[tuple[int, int]], nn.Module]:
    def make(size: tuple[int, int]) -> nn.Module:
        from pytorchcv.model_provider import get_model

        return get_model(name, aux=False, in_size=size, num_classes=CLASSES)

    return make


def _smp_deeplab(size: tuple[int, int]) -> nn.Module:
    import segmentation_models_pytorch

    return segmentation_models_pytorch.DeepLabV3Plus(
        "mobilenet_v2", encoder_weights=None, classes=CLASSES
    )


def _scmnet(size: tuple[int, int]) -> nn.Module:
    from lab.latency.torch_scmnet import SCMNet

    return SCMNet(CLASSES)


# By what they are called here; each from (height, width) to a module that gives logits.
PEERS: dict[str, Callable[[tuple[int, int]], nn.Module]] = {
    "pytorchcv_fastscnn": _pytorchcv("fastscnn_cityscapes"),
    "pytorchcv_contextnet": _pytorchcv("ctxnet_cityscapes"),
    "pytorchcv_bisenet": _pytorchcv("bisenet_resnet18_celebamaskhq"),
    "pytorchcv_dabnet": _pytorchcv("dabnet_cityscapes"),
    "pytorchcv_cgnet": _pytorchcv("cgnet_cityscapes"),
    "pytorchcv_enet": _pytorchcv("enet_cityscapes"),
    "smp_deeplabv3plus_mobilenet_v2": _smp_deeplab,
    "torch_scmnet": _scmnet,
}


class Peer(nn.Module):
    """A peer with what the zoo's networks have inside, too: normalisation and, at the end, argmax.

    Args:
        network: from `(batch, 3, height, width)` to logits, alone or the first of several.
        to_mask: from RGB bytes to class indices; else from the normalised image to logits.
        dtype: in which the network computes.

    Its input is `(batch, height, width, 3)`, and so is the order of axes of the logits.
    """

    def __init__(self, network: nn.Module, to_mask: bool, dtype: torch.dtype):
        super().__init__()
        self.network = network.to(dtype)
        self.to_mask = to_mask
        self.dtype = dtype
        self.register_buffer("mean", torch.from_numpy(MEAN), persistent=False)
        self.register_buffer("std", torch.from_numpy(STD), persistent=False)

    def forward(self, image):
        x = image.to(torch.float32)
        if self.to_mask:
            x = (x - self.mean) / self.std
        logits = self.network(x.to(self.dtype).permute(0, 3, 1, 2))
        logits = logits[0] if isinstance(logits, tuple | list) else logits
        if tuple(logits.shape[2:]) != tuple(image.shape[1:3]):
            logits = nn.functional.interpolate(logits, image.shape[1:3], mode="bilinear")
        if self.to_mask:
            return logits.argmax(1).to(torch.uint8)
        return logits.permute(0, 2, 3, 1)


def torch_peer(cell: Cell) -> Peer:
    """A peer as the cell wants it, for inference.

    Raises:
        ValueError: an unknown peer or precision.
        ImportError: its package is not installed.
    """
    if cell.network not in PEERS:
        raise ValueError(f"Expected a peer of {__name__}. Received: {cell.network!r}")
    if cell.precision not in TYPES:
        raise ValueError(f"Expected f32 or bf16 in PyTorch. Received: {cell.precision}")
    torch.manual_seed(0)
    network = PEERS[cell.network](cell.size)
    peer: Any = Peer(network, cell.scope != "network", TYPES[cell.precision]).eval()
    return peer.to(memory_format=torch.channels_last)
