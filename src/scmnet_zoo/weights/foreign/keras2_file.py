"""Weights that Keras 2 (tf.keras) saved to HDF5."""

import itertools

import numpy as np
from h5py import Dataset, File, Group

from scmnet_zoo.weights.foreign._arrays import plain
from scmnet_zoo.weights.hdf5 import check_hdf5
from scmnet_zoo.weights.limits import WeightFile, first_line

MODEL = "model_weights"  # where a whole model, not its weights alone, keeps them


def read_keras2(file: WeightFile, source: str) -> dict[str, np.ndarray]:
    """The weights of a file that `save_weights` or `save` of Keras 2 wrote.

    Args:
        file: a path, or the file opened in binary mode.
        source: what messages call it.

    Returns:
        Arrays by `layer/kind`, e.g. `conv2d_3/kernel`, in the order of the layers.

    Raises:
        ValueError: a damaged file, one that `check_hdf5` refuses, or of another layout.
    """
    check_hdf5(file, source)
    try:
        with File(file, "r") as opened:
            weights, problem = _weights(opened.get(MODEL, opened))
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, TypeError ...
        raise ValueError(f"{source} is not a whole HDF5 file: {first_line(error)}") from error
    if problem is not None:
        raise ValueError(
            f"Expected an HDF5 file of weights as Keras 2 writes it. Received: {source}, {problem}"
        )
    return weights


def _weights(root: Group) -> tuple[dict[str, np.ndarray], str | None]:
    """The weights, and what is wrong with the file, if anything."""
    layers = _texts(root, "layer_names")
    if not layers:
        return {}, "which has no layer_names"
    weights: dict[str, np.ndarray] = {}
    for layer in layers:
        for name in _texts(root[layer], "weight_names"):
            if {"", "."} & {*layer.split("/"), *name.split("/")}:
                return {}, f"which names a weight {name!r} of a layer {layer!r}"
            key = f"{layer}/{name.rsplit('/', 1)[-1].removesuffix(':0')}"
            item = root[layer][name]
            if key in weights or not isinstance(item, Dataset):
                return {}, f"where {key!r} is {'there twice' if key in weights else 'no array'}"
            weights[key] = plain(item[()])
    return weights, None


def _texts(group: Group, name: str) -> list[str]:
    """A list of texts among a group's attributes; a long one is split into name0, name1, ..."""
    parts = [name] if name in group.attrs else []
    if not parts:
        numbered = (f"{name}{i}" for i in itertools.count())
        parts = list(itertools.takewhile(group.attrs.__contains__, numbered))
    return [
        text.decode("utf-8") if isinstance(text, bytes) else str(text)
        for part in parts
        for text in np.atleast_1d(group.attrs[part]).tolist()
    ]
