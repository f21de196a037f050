"""Reading and writing of weight files, and their transfer into a model."""

import collections
import hashlib
import io
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import keras
import numpy as np
import safetensors
import safetensors.numpy

from scmnet_zoo.files import whole_file
from scmnet_zoo.weights.hdf5 import check_hdf5, check_keras
from scmnet_zoo.weights.metadata import CLASSIFIER, METADATA_KEY, Metadata, Normalisation

logger: logging.Logger = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".weights.h5", ".keras")
AUXILIARY = "aux_"
PREPROCESSING = "preprocessing"
# Arguments of layers that the outputs depend on, and that no shape of a tensor shows.
SETTINGS = ("residual", "strides", "dilation_rate", "rates", "padding", "epsilon")


@dataclass(frozen=True)
class H5Weights:
    """A `.weights.h5` file, which only a model can read, and its classifier's classes."""

    path: Path
    num_classes: int | None


@dataclass(frozen=True)
class Checkpoint:
    """The content of a file of weights, read once.

    Attributes:
        source: path or name of the file.
        tensors: arrays by variable path; of a `.weights.h5` file the file.
        metadata: what the file says of itself; None where it says nothing.
        layers: of a `.keras` file the arguments of its layers by their name.
        network: key of the network; None where neither file nor caller says it.
        name: name of the weights in the manifest; None of another file.
        hash: of the file, `"algorithm:digits"`; that of the publisher for weights of the manifest.
    """

    source: str
    tensors: Mapping[str, np.ndarray] | H5Weights
    metadata: Metadata | None = field(default=None)
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    network: str | None = None
    name: str | None = None
    hash: str = ""

    @property
    def title(self) -> str:
        """The name of the weights; where they have none, the file."""
        return self.name or self.source

    @property
    def num_classes(self) -> int | None:
        if isinstance(self.tensors, H5Weights):
            return self.tensors.num_classes
        if self.metadata is not None:
            return len(self.metadata.classes)
        bias = self.tensors.get(f"{CLASSIFIER}/bias")
        return None if bias is None else len(bias)

    @property
    def normalisation(self) -> Normalisation | None:
        """That of the images that the weights were trained on, if the file says."""
        if self.metadata is not None:
            return self.metadata.normalisation
        stored = self.layers.get(PREPROCESSING, {})
        mean, std = stored.get("mean"), stored.get("std")
        return None if mean is None or std is None else Normalisation(tuple(mean), tuple(std))


# What stands for weights: a name, a path, or what was read of one already.
Weights: TypeAlias = str | os.PathLike[str] | Checkpoint


def read_checkpoint(path: str | os.PathLike[str], network: str | None = None) -> Checkpoint:
    """Read a weight file.

    Args:
        path: of a `.safetensors`, `.keras` or `.weights.h5` file.
        network: key of the network that the weights must be of. Defaults to that in the file.

    Raises:
        ValueError: no such file, another format, damaged, or the file of another network.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"Expected a weight file that ends in one of {SUFFIXES}. Received: {path}")
    if not path.is_file():
        raise ValueError(f"Expected an existing weight file. Received: {path}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if path.name.endswith(".safetensors"):
        return read_safetensors(content, str(path), network)
    found = sha256(content)
    if path.name.endswith(".keras"):
        tensors, layers = _read_keras(path, content)
        return Checkpoint(str(path), tensors, layers=layers, network=network, hash=found)
    check_hdf5(io.BytesIO(content), str(path))
    classes = _h5_layout(io.BytesIO(content), str(path))[1]
    return Checkpoint(str(path), H5Weights(path, classes), network=network, hash=found)


def sha256(content: bytes) -> str:
    """The hash of a file's content as `"sha256:digits"`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def check_network(stated: str | None, network: str | None, source: str) -> None:
    """Raise a ValueError where weights state another network than the one asked for."""
    if None not in (stated, network) and stated != network:
        raise ValueError(
            f"Expected weights of the network {network!r}. "
            f"Received: {source}, which holds weights of {stated!r}; take that "
            "network, or leave --network out"
        )


def read_safetensors(content: bytes, source: str, network: str | None) -> Checkpoint:
    """The checkpoint in the bytes of a `.safetensors` file.

    Raises:
        ValueError: they are damaged, or those of another network.
    """
    try:
        tensors = safetensors.numpy.load(content)
        end = 8 + int.from_bytes(content[:8], "little")
        text = json.loads(content[8:end]).get("__metadata__", {}).get(METADATA_KEY)
    except KeyError as error:
        raise ValueError(
            f"{source}: expected tensors of float32 or float16. Received: {error.args[0]}"
        ) from error
    except (safetensors.SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{source} is not a whole safetensors file: {error}") from error
    metadata = None if text is None else Metadata.from_json(text, source)
    if metadata is not None:
        check_network(metadata.network, network, source)
        metadata.check_classes(tensors, source)
        network = metadata.network
    halves = {key: array for key, array in tensors.items() if array.dtype == np.float16}
    tensors |= {key: array.astype(np.float32) for key, array in halves.items()}
    return Checkpoint(source, tensors, metadata, network=network, hash=sha256(content))


def _read_keras(path: Path, content: bytes) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
    """Tensors by variable path and arguments by layer; Keras itself reads from the path alone."""
    check_keras(io.BytesIO(content), str(path))
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its zip, JSON and HDF5 readers raise
        raise ValueError(f"{path} cannot be read as a .keras file: {_first_line(error)}") from error
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in model.weights}
    return tensors, {layer.name: layer.get_config() for layer in model.layers}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def write_checkpoint(path: str | os.PathLike[str], model: keras.Model, metadata: Metadata) -> None:
    """Write a model's weights, keyed by variable path, with what they are for.

    Raises:
        ValueError, WriteError: as of `write_tensors`.
    """
    tensors = {v.path: keras.ops.convert_to_numpy(v.value) for v in model.weights}
    write_tensors(path, tensors, metadata)


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, np.ndarray],
    metadata: Metadata,
    half: bool = False,
) -> None:
    """Write tensors by variable path, with what they are for.

    Args:
        path: of the file.
        tensors: float32 arrays.
        metadata: what the file says of itself.
        half: write kernels as float16; biases and statistics, which are small, stay as they are.

    Raises:
        ValueError: a class without a name of its own, or not one for each of the classifier's, or
            a kernel's value that is too large for float16.
        WriteError: the file cannot be written.
    """
    metadata.check_classes(tensors, str(path))
    plain = {
        key: _half(array) if half and array.ndim > 1 else np.ascontiguousarray(array)
        for key, array in tensors.items()
    }
    large = [key for key, array in plain.items() if half and not np.isfinite(array).all()]
    if large:
        raise ValueError(f"Expected kernels that 16 bits can hold. Received: {path}, {large[0]}")
    with whole_file(path) as part:
        part.write_bytes(safetensors.numpy.save(plain, {METADATA_KEY: metadata.to_json()}))


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # is looked for afterwards
        return np.ascontiguousarray(array, "float16")


def load_checkpoint(
    model: keras.Model, checkpoint: Checkpoint, build: Callable[[int], keras.Model]
) -> None:
    """Give a model the tensors of a checkpoint, with other classes all but the classifiers'.

    Tensors of auxiliary heads (`aux_...`) may be missing from either side. The model is only
    changed once everything has been checked.

    Raises:
        ValueError: a tensor that is missing, unknown, of another shape or not finite, or a layer
            with other arguments than in the file.
    """
    tensors = checkpoint.tensors
    if isinstance(tensors, H5Weights):
        tensors = _read_h5(model, tensors, build)
    variables = {v.path: v for v in model.weights}
    kernel = f"{CLASSIFIER}/kernel"
    skipped: set[str] = set()
    if kernel in tensors and tensors[kernel].shape != tuple(variables[kernel].shape):
        skipped = {path for path in variables if is_classifier(path)}
    skipped |= {p for p in variables if p.startswith(AUXILIARY) and p not in tensors}
    unknown = {p for p in tensors if p not in variables and not p.startswith(AUXILIARY)}
    wanted = {p: v for p, v in variables.items() if p not in skipped}

    problems = [f"it lacks {p}" for p in wanted if p not in tensors]
    problems += [f"it holds {p}, which the network has not" for p in sorted(unknown)]
    for path, variable in wanted.items():
        if path not in tensors:
            continue
        if tensors[path].shape != tuple(variable.shape):
            problems.append(
                f"{path} has shape {tensors[path].shape}, expected {tuple(variable.shape)}"
            )
        elif not np.isfinite(tensors[path]).all():
            problems.append(f"{path} holds values that are not finite")
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise ValueError(
            f"{checkpoint.source} does not fit {model.name}: {'; '.join(problems[:3])}{more}"
        )
    _check_settings(model, checkpoint)
    for path, variable in wanted.items():
        variable.assign(tensors[path])
    if skipped:
        logger.warning(
            "Loaded %d of %d tensors from %s; the rest (%s) starts fresh.",
            len(wanted),
            len(variables),
            checkpoint.source,
            ", ".join(sorted({p.split("/")[0] for p in skipped})),
        )


def _check_settings(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Raise a ValueError where a layer's arguments are not those of the file's layer."""
    for layer in model.layers:
        config, stored = layer.get_config(), checkpoint.layers.get(layer.name, {})
        for key in SETTINGS:
            if key in config and key in stored and config[key] != stored[key]:
                raise ValueError(
                    f"Expected the network's arguments with which {checkpoint.source} was made: "
                    f"{key}={stored[key]!r} in layer {layer.name!r}. "
                    f"Received: {key}={config[key]!r}"
                )


def is_classifier(path: str) -> bool:
    """Whether a variable is one of the last layer of the main or of an auxiliary head."""
    layer = path.split("/")[0]
    return layer == CLASSIFIER or (layer.startswith(AUXILIARY) and layer.endswith("_classifier"))


def _h5_layout(file: Path | io.BytesIO, source: str) -> tuple[collections.Counter, int | None]:
    """How often each shape occurs in a `.weights.h5`, and its classifier's number of classes."""
    shapes: collections.Counter = collections.Counter()
    classes: list[int] = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer/"):
            shapes[item.shape] += 1
        elif item.attrs.get("name") == CLASSIFIER and "0" in item:
            classes.append(item["0"].shape[-1])

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{source} is not a whole HDF5 file: {_first_line(error)}") from error
    return shapes, classes[0] if classes else None


def _read_h5(
    model: keras.Model, file: H5Weights, build: Callable[[int], keras.Model]
) -> dict[str, np.ndarray]:
    """Read a `.weights.h5` through a twin of the model with the file's number of classes."""
    path = file.path
    twin = build(file.num_classes or model.get_layer(CLASSIFIER).filters)
    if _h5_layout(path, str(path))[0] != collections.Counter(tuple(v.shape) for v in twin.weights):
        raise ValueError(f"{path} does not fit {model.name}: it holds tensors of other shapes")
    try:
        twin.load_weights(path)
    except Exception as error:  # Keras raises ValueError, KeyError or OSError by what is wrong
        raise ValueError(f"{path} does not fit {model.name}: {_first_line(error)}") from error
    return {v.path: keras.ops.convert_to_numpy(v.value) for v in twin.weights}
