"""From a file of ImageNet weights into a backbone."""

import io
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import keras
import numpy as np

from scmnet_zoo.models.backbones._port_file import installed_port, read_port
from scmnet_zoo.models.backbones.mobilenet_v2 import applications_paths as mobilenet_v2_paths
from scmnet_zoo.models.backbones.xception import applications_paths as xception_paths
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.foreign.keras2_file import read_keras2

IMAGENET = "imagenet"
# Layers of the files that a network may do without: MobileNetV2's and EfficientNet's last
# convolution.
OPTIONAL = "last_conv"

# The arrays of a layer by their number: a convolution, a separable one, a batch norm.
LEAVES = {
    1: ("kernel",),
    2: ("depthwise/kernel", "pointwise/kernel"),
    4: ("gamma", "beta", "moving_mean", "moving_variance"),
}


class Pretrained(NamedTuple):
    """Where a backbone's ImageNet weights are, and how their file is read.

    Attributes:
        suffix: of the file's name.
        find: gives the name and the content of the one that `"imagenet"` means.
        read: from a file's content and name to tensors by variable path.
    """

    suffix: str
    find: Callable[[], tuple[str, bytes]]
    read: Callable[[bytes, str], dict[str, np.ndarray]]


def read_pretrained(backbone: str, weights: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a backbone by variable path.

    Args:
        backbone: key of the backbone.
        weights: `"imagenet"`, or the path of a `..._notop.h5` file of keras.applications, of
            EfficientNet-Lite2 of its port's `.pth` file.

    Raises:
        ValueError: a backbone without ImageNet weights, a package that is not installed, or a file
            that is not there, damaged or of another network.
        OSError: the weights cannot be downloaded.
    """
    if backbone not in PRETRAINED:
        raise ValueError(
            f"Expected backbone_weights=None or one of the backbones {tuple(PRETRAINED)}, which "
            "have ImageNet weights. "
            f"Received: backbone_weights={weights!r}, backbone={backbone!r}"
        )
    kind = PRETRAINED[backbone]
    expected = (
        f"Expected backbone_weights to be None, {IMAGENET!r} or the path of a {kind.suffix} file. "
    )
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"{expected}Received: backbone_weights={weights!r}")
    if weights == IMAGENET:
        source, content = kind.find()
    elif Path(weights).is_file():
        source, content = str(weights), Path(weights).read_bytes()
    else:
        received = os.fspath(weights)
        raise ValueError(f"{expected}Received: backbone_weights={received!r}, which is no file")
    return kind.read(content, source)


def _published(backbone: str) -> tuple[str, bytes]:
    """The file of the manifest's entry."""
    stored = manifest.published_file(manifest.find(backbone, IMAGENET))
    return stored.name, fetch(stored)


def _read_applications(
    backbone: str,
    paths_of: Callable[[Iterable[str]], dict[str, str]],
    content: bytes,
    source: str,
) -> dict[str, np.ndarray]:
    """The tensors of a file of keras.applications by variable path."""
    layers = _read_layers(io.BytesIO(content), source)
    paths = paths_of(layers)
    tensors = {}
    for layer, arrays in layers.items():
        if layer not in paths or len(arrays) not in LEAVES:
            raise ValueError(
                f"{source} does not fit the backbone {backbone!r}: it holds a layer {layer!r} of "
                f"{len(arrays)} arrays, which the backbone has not"
            )
        for leaf, array in zip(LEAVES[len(arrays)], arrays, strict=True):
            tensors[f"{paths[layer]}/{leaf}"] = array
    return tensors


def _read_layers(content: BinaryIO, source: str) -> dict[str, list[np.ndarray]]:
    """The arrays of each layer that has any, in the file's order."""
    layers: dict[str, list[np.ndarray]] = {}
    for name, array in read_keras2(content, source).items():
        layers.setdefault(name.rpartition("/")[0], []).append(array)
    return layers


def _of_applications(backbone: str, paths_of) -> Pretrained:
    return Pretrained(
        ".h5", partial(_published, backbone), partial(_read_applications, backbone, paths_of)
    )


PRETRAINED = {
    "xception": _of_applications("xception", xception_paths),
    "mobilenet_v2": _of_applications("mobilenet_v2", mobilenet_v2_paths),
    "efficientnet_lite2": Pretrained(".pth", installed_port, read_port),
}


def assign_pretrained(
    backbone: keras.Model, tensors: Mapping[str, np.ndarray], source: str
) -> None:
    """Give a backbone all its tensors; nothing changes where any of them does not fit.

    Raises:
        ValueError: a tensor that is missing, unknown, of another shape or not finite.
    """
    variables = {v.path: v for v in backbone.weights}
    problems = [f"it lacks {path}" for path in variables if path not in tensors]
    for path, tensor in tensors.items():
        if path not in variables:
            if not path.startswith(OPTIONAL):
                problems.append(f"it holds {path}, which the backbone has not")
        elif tensor.shape != tuple(variables[path].shape):
            expected = tuple(variables[path].shape)
            problems.append(f"{path} has shape {tensor.shape}, expected {expected}")
        elif not np.isfinite(tensor).all():
            problems.append(f"{path} holds values that are not finite")
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise ValueError(
            f"The backbone's weights in {source} do not fit: {'; '.join(problems[:3])}{more}"
        )
    for path, variable in variables.items():
        variable.assign(tensors[path])
