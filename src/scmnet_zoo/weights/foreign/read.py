"""Files of other implementations: which one wrote them, and their weights by our paths."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scmnet_zoo.weights.foreign import efficientvit, keras_deeplab, osmr, scmnet
from scmnet_zoo.weights.foreign.keras2_file import read_keras2
from scmnet_zoo.weights.foreign.npz_file import read_npz
from scmnet_zoo.weights.foreign.torch_file import PICKLE, read_torch
from scmnet_zoo.weights.limits import WeightFile, first_line
from scmnet_zoo.weights.metadata import IMAGENET, PLUS_MINUS_ONE, Normalisation
from scmnet_zoo.weights.zip_file import open_zip

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
PICKLE_2 = b"\x80\x02"

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Imported:
    """What a foreign file holds.

    Attributes:
        network: key of the network in `scmnet_zoo.NETWORKS`.
        arguments: of the network's factory, those that are not the default.
        tensors: by our variable path, axes as Keras orders them.
        normalisation: of the images that the weights were trained on.
        names: the file's name of a weight by our path; for some that it lacks too.
    """

    network: str
    arguments: dict[str, Any]
    tensors: Tensors
    normalisation: Normalisation
    names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, path: str) -> str:
        """What the file calls a weight, or would call it."""
        if path not in self.names and self.network == "deeplabv3plus":
            return keras_deeplab.port_name(path)
        return self.names.get(path, path)


def read_foreign(file: WeightFile, source: str) -> Imported:
    """Read weights that another implementation saved; its content tells which, not its name.

    There are SCMNet as its authors released it and DeepLabV3+ of bonlime/keras-deeplab-v3-plus
    (both HDF5 of Keras 2), Fast-SCNN and ContextNet of chainercv2 (`.npz`) and pytorchcv
    (`.pth`), and EfficientViT of its authors (`.pt`). Whether they are complete, only
    `scmnet_zoo.importers.import_checkpoint` checks.

    Args:
        file: a path, or the file opened in binary mode.
        source: what messages call it.

    Raises:
        ValueError: a damaged file, of another layout, or with a tensor that has no place.
    """
    start = _start(file, source)
    if start.startswith(HDF5):
        return _from_keras2(read_keras2(file, source), source)
    if start.startswith(ZIP):
        with open_zip(file, source) as archive:
            is_torch = any(name.endswith(PICKLE) for name in archive.namelist())
        if not is_torch:
            return _from_osmr(read_npz(file, source), source)
    if start.startswith((ZIP, PICKLE_2)):
        return _from_torch(read_torch(file, source), source)
    raise ValueError(
        "Expected weights that Keras 2 (HDF5), NumPy (.npz) or PyTorch (.pth) saved. "
        f"Received: {source}, which starts with {start!r}"
    )


def _start(file: WeightFile, source: str) -> bytes:
    try:
        if isinstance(file, str | os.PathLike):
            with open(file, "rb") as opened:
                return opened.read(len(HDF5))
        file.seek(0)
        start = file.read(len(HDF5))
        file.seek(0)
        return start
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise ValueError(
            f"Expected a readable weight file. Received: {source}: {reason}"
        ) from error


def _from_keras2(weights: Tensors, source: str) -> Imported:
    names = list(weights)
    arguments = keras_deeplab.recognise(names)
    if arguments is not None:
        paths = keras_deeplab.source_names(names)
        tensors = _by_path(weights, paths, "DeepLabV3+ in Keras 2", source)
        return Imported("deeplabv3plus", arguments, tensors, PLUS_MINUS_ONE, paths)
    if scmnet.recognise(names):
        paths = scmnet.source_names(names, source)
        tensors = _by_path(weights, paths, "SCMNet in Keras 2", source)
        return Imported("scmnet", {"residual": False}, tensors, IMAGENET, paths)
    raise ValueError(
        "Expected weights of SCMNet or DeepLabV3+. "
        f"Received: {source}, with layers such as {names[:1]}"
    )


def _from_torch(weights: Tensors, source: str) -> Imported:
    variant = efficientvit.recognise({name: array.shape for name, array in weights.items()})
    if variant is None:
        return _from_osmr(weights, source)
    counter = efficientvit.COUNTER
    weights = {name: array for name, array in weights.items() if not name.endswith(counter)}
    paths = efficientvit.source_names(*efficientvit.depths_of(weights))
    tensors = _by_path(weights, paths, f"EfficientViT-{variant.upper()}", source)
    tensors = {path: osmr.to_keras(array, path) for path, array in tensors.items()}
    return Imported("efficientvit", {"variant": variant}, tensors, IMAGENET, paths)


def _from_osmr(weights: Tensors, source: str) -> Imported:
    recognised = osmr.recognise(list(weights))
    if recognised is None:
        raise ValueError(
            "Expected weights of Fast-SCNN, ContextNet or EfficientViT. "
            f"Received: {source}, with tensors such as {list(weights)[:1]}"
        )
    network, package = recognised
    weights = {name: a for name, a in weights.items() if not osmr.is_counter(name, package)}
    paths = osmr.source_names(network, package)
    tensors = _by_path(weights, paths, f"{network} in {package}", source)
    tensors = {path: osmr.to_keras(array, path) for path, array in tensors.items()}
    return Imported(network, {}, tensors, IMAGENET, paths)


def _by_path(weights: Tensors, names: Mapping[str, str], kind: str, source: str) -> Tensors:
    """Weights by our path, in the file's order.

    Raises:
        ValueError: one that has no path.
    """
    paths = {name: path for path, name in names.items()}
    unknown = [name for name in weights if name not in paths]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ValueError(
            f"Expected the weights of {kind} alone. "
            f"Received: {source}, which also holds {', '.join(map(repr, unknown[:3]))}{more}"
        )
    return {paths[name]: array for name, array in weights.items()}
