"""Average the weights of several runs that started from the same weights."""

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
    """Write the mean of all tensors of weight files, including batch-norm statistics.

    The mean of runs that started from the same weights is often more accurate than each run. The
    mean of fine-tuned weights and the weights before fine-tuning keeps accuracy on both datasets.
    The mean of runs with different initial weights is useless.

    Args:
        paths: two or more `.safetensors` files written by the zoo.
        output: the `.safetensors` file to write. It must not exist.
        half: whether to store the kernels in float16.

    Returns:
        The metadata of the new file, which are those of the first file.

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
