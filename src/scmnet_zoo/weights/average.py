"""The average of weight files: several runs that share their beginning, in one network."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.weights.checkpoint import (
    SUFFIXES,
    H5Weights,
    read_checkpoint,
    write_tensors,
)
from scmnet_zoo.weights.metadata import Metadata

SUFFIX = SUFFIXES[0]


def average_checkpoints(
    paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], half: bool = False
) -> Metadata:
    """Write the mean of all tensors of weight files, batch-norm statistics included.

    Runs that began with the same weights lie in one valley of the loss, so their mean is a network
    too, often a better one than each: of one that was fine-tuned, and what it was fine-tuned from,
    it keeps what either knows. Of runs that share nothing the mean is worth nothing.

    Args:
        paths: two or more `.safetensors` files written by the zoo.
        output: the `.safetensors` file to write; must not be there.
        half: keep the kernels in 16 bits.

    Returns:
        What the new file says of itself, as the first of the files does.

    Raises:
        ValueError: fewer than two files, one that cannot be read, does not say what it is or
            differs from the first in network, arguments, classes, normalisation or tensors, or an
            output that is there, in no folder or of another suffix.
        WriteError: the file cannot be written.

    Source: Wortsman et al. 2022, arXiv 2109.01903, section 3 (a network and what it was
    fine-tuned from); Wortsman et al. 2022, arXiv 2203.05482 (several runs).
    """
    if len(paths) < 2:
        raise ValueError(f"Expected two or more weight files. Received: {len(paths)}")
    if not os.fspath(output).endswith(SUFFIX):
        raise ValueError(f"Expected an output that ends in {SUFFIX}. Received: {output}")
    if Path(output).exists():
        raise ValueError(f"Expected a new file. Received: {output}, which is there")
    if not Path(output).parent.is_dir():
        raise ValueError(f"Expected an output in a folder that is there. Received: {output}")
    read = [_read(path) for path in paths]
    source, first = os.fspath(paths[0]), read[0][0]
    for path, (metadata, _) in zip(paths, read, strict=True):
        _check_alike(metadata, os.fspath(path), first, source)
    files = [_finite(tensors, path) for path, (_, tensors) in zip(paths, read, strict=True)]
    for path, tensors in zip(paths, files, strict=True):
        _check_shapes(tensors, path, files[0], source)
    means = {
        name: np.mean([one[name] for one in files], axis=0, dtype="float64").astype("float32")
        for name in files[0]
    }
    write_tensors(output, means, first, half)
    return first


def _check_alike(metadata: Metadata, path: str, first: Metadata, source: str) -> None:
    for key in ("network", "arguments", "classes", "normalisation"):
        ours, theirs = getattr(metadata, key), getattr(first, key)
        if ours != theirs:
            raise ValueError(
                f"Expected weights of the same {key} as {source}: {theirs}. "
                f"Received: {path}, {ours}"
            )


def _read(path: str | os.PathLike[str]) -> tuple[Metadata, Mapping[str, np.ndarray]]:
    found = read_checkpoint(path) if os.fspath(path).endswith(SUFFIX) else None
    if found is None or found.metadata is None or isinstance(found.tensors, H5Weights):
        raise ValueError(f"Expected a .safetensors file written by the zoo. Received: {path}")
    return found.metadata, found.tensors


def _finite(
    tensors: Mapping[str, np.ndarray], path: str | os.PathLike[str]
) -> Mapping[str, np.ndarray]:
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} holds values that are not finite")
    return tensors


def _check_shapes(
    tensors: Mapping[str, np.ndarray],
    path: str | os.PathLike[str],
    first: Mapping[str, np.ndarray],
    source: str,
) -> None:
    ours, theirs = ({name: array.shape for name, array in one.items()} for one in (tensors, first))
    if ours != theirs:
        names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        raise ValueError(
            f"Expected the tensors of {source}. Received: {path}, which differs in "
            f"{', '.join(names[:3])}"
        )
