"""Weights of other implementations as the zoo's own checkpoints."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.data.labels import CITYSCAPES
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.checkpoint import AUXILIARY, Checkpoint, sha256, write_tensors
from scmnet_zoo.weights.foreign.read import Imported, read_foreign
from scmnet_zoo.weights.metadata import CLASSIFIER, Metadata, Normalisation

SUFFIX = ".safetensors"


def import_checkpoint(
    path: str | os.PathLike[str],
    classes: Sequence[str] = CITYSCAPES.classes,
    normalisation: Normalisation | None = None,
    training_size: tuple[int, int] | None = None,
) -> Checkpoint:
    """Weights that another implementation saved, checked against the zoo's network.

    Every tensor of the file has its place in the network and every variable its tensor; only
    auxiliary heads may be missing.

    Args:
        path: the file; `read_foreign` says of which implementations.
        classes: names of the classes in the order of the network's outputs.
        normalisation: of the images that the weights were trained on; by default that of the
            implementation.
        training_size: (height, width) of these images, where known.

    Returns:
        The tensors by variable path, with their metadata.

    Raises:
        ValueError: a file that `read_foreign` refuses; another number of classes; a tensor that
            is missing, surplus, of another shape or not finite, by its name in the file.
    """
    source = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"Expected a readable weight file. Received: {source}: {error.strerror or error}"
        ) from error
    imported = read_foreign(io.BytesIO(content), source)
    _check_classes(imported, classes, source)
    tensors = _complete(imported, len(classes), source)
    metadata = Metadata(
        network=imported.network,
        arguments=imported.arguments,
        classes=tuple(classes),
        normalisation=imported.normalisation if normalisation is None else normalisation,
        training_size=training_size,
    )
    return Checkpoint(source, tensors, metadata, network=imported.network, hash=sha256(content))


def write_imported(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a checkpoint as the zoo's own `.safetensors`, which the factories load.

    Raises:
        ValueError: another suffix, or a checkpoint without tensors or metadata.
        WriteError: the file cannot be written.
    """
    if not os.fspath(path).endswith(SUFFIX):
        raise ValueError(f"Expected a file name that ends in {SUFFIX}. Received: {path}")
    if not isinstance(checkpoint.tensors, Mapping) or checkpoint.metadata is None:
        raise ValueError(
            f"Expected a checkpoint with tensors and metadata. Received: {checkpoint.source}"
        )
    write_tensors(path, checkpoint.tensors, checkpoint.metadata)


def _check_classes(imported: Imported, classes: Sequence[str], source: str) -> None:
    bias = imported.tensors.get(f"{CLASSIFIER}/bias")
    if bias is not None and bias.ndim == 1 and len(bias) != len(classes):
        raise ValueError(
            f"Expected weights for the {len(classes)} classes {classes[0]!r} to {classes[-1]!r}. "
            f"Received: {source}, whose network tells {len(bias)} apart"
        )


def _complete(imported: Imported, num_classes: int, source: str) -> dict[str, np.ndarray]:
    """The tensors in the order of the network's variables.

    Raises:
        ValueError: a tensor that is missing, surplus, of another shape or not finite.
    """
    shapes = _shapes(imported, num_classes)
    tensors = imported.tensors
    problems = [f"lacks {imported.name_of(p)}" for p in shapes if p not in tensors]
    problems += [f"also holds {imported.name_of(p)}" for p in tensors if p not in shapes]
    for path, shape in shapes.items():
        if path not in tensors:
            continue
        array, name = tensors[path], imported.name_of(path)
        if array.shape != shape:
            problems.append(f"holds {name} as {array.shape} in Keras's order and not {shape}")
        elif array.dtype.kind != "f":
            problems.append(f"holds {name} as {array.dtype}")
        elif not np.isfinite(array).all():
            problems.append(f"holds values in {name} that are not finite")
    if problems:
        more = f" (and {len(problems) - 3} more problems)" if len(problems) > 3 else ""
        raise ValueError(
            f"Expected the weights of {imported.network}. "
            f"Received: {source}, which {'; '.join(problems[:3])}{more}"
        )
    return {path: tensors[path] for path in shapes}


def _shapes(imported: Imported, num_classes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the network's variables, of its auxiliary heads only those in the file."""
    heads = {_head(path) for path in imported.tensors if path.startswith(AUXILIARY)}
    arguments = {**imported.arguments, **({"auxiliary": True} if heads else {})}
    model = factory_of(imported.network)(num_classes=num_classes, **arguments)
    return {
        v.path: tuple(v.shape)
        for v in model.weights
        if not v.path.startswith(AUXILIARY) or _head(v.path) in heads
    }


def _head(path: str) -> str:
    """The auxiliary head that a variable belongs to: `aux_shallow` of `aux_shallow_bn/gamma`."""
    return path.split("/")[0].rpartition("_")[0]
