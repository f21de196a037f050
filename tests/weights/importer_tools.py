"""Foreign weight files, read and written for tests of their import."""

import h5py
import numpy as np

from scmnet_zoo import importers
from scmnet_zoo.weights.foreign.keras2_file import read_keras2
from scmnet_zoo.weights.foreign.npz_file import read_npz

FILES = {  # of the reference outputs; their networks
    "released_scmnet_keras2_seed0.h5": "scmnet",
    "deeplab_mobilenetv2_keras2_seed0.h5": "deeplabv3plus",
    "fastscnn_chainer_seed0.npz": "fastscnn",
}


def write_keras2(path, weights):
    """A file as `save_weights` of Keras 2 writes it."""
    layers = {}
    for name, array in weights.items():
        layers.setdefault(name.rpartition("/")[0], {})[name] = array
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.encode() for layer in layers])
        for layer, arrays_of_layer in layers.items():
            group = file.create_group(layer)
            names = [f"{name}:0" for name in arrays_of_layer]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, array in zip(names, arrays_of_layer.values(), strict=True):
                group[name] = array


def read(path):
    return (read_npz if path.suffix == ".npz" else read_keras2)(path, str(path))


def write(path, weights):
    if path.suffix == ".npz":
        np.savez(path, **weights)
    else:
        write_keras2(path, weights)


SHAPES = {}


def build_once(monkeypatch):
    """Each network is built for its shapes once, which takes longer than the rest of a test."""

    def shapes(found, num_classes, build=importers._shapes):
        auxiliary = any(path.startswith("aux_") for path in found.tensors)
        key = (found.network, num_classes, auxiliary)
        if key not in SHAPES:
            SHAPES[key] = build(found, num_classes)
        return SHAPES[key]

    monkeypatch.setattr(importers, "_shapes", shapes)
