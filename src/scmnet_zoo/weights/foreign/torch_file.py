"""PyTorch state dicts (`.pth`, `.pt`), read without PyTorch and without unpickling."""

import io
import math
import os

import numpy as np

from scmnet_zoo.weights.foreign._arrays import plain
from scmnet_zoo.weights.foreign._torch_pickle import STORAGES, Storage, Tensor, read_pickle
from scmnet_zoo.weights.limits import WeightFile, check_declared, first_line, size_of
from scmnet_zoo.weights.zip_file import open_zip, read_member

PICKLE = "/data.pkl"
ZIP = b"PK\x03\x04"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first of the five pickles before the storages
LEGACY_PROTOCOL = 1001
STATE_DICT = "state_dict"  # the key of the tensors in a checkpoint that holds more beside them
BFLOAT16 = "torch BFloat16Storage"
MAXIMUM_AXES = 8

Storages = dict[str, np.ndarray]  # by key, flat


def read_torch(file: WeightFile, source: str) -> dict[str, np.ndarray]:
    """The tensors of a state dict that `torch.save` wrote, as a zip file or in the legacy format.

    The state dict may be all of the file, or what a dict in it has under `"state_dict"`.

    Args:
        file: a path, or the file opened in binary mode.
        source: what messages call it.

    Returns:
        Arrays by name, in the file's order; floating point numbers of any width as float32.

    Raises:
        ValueError: a damaged file, or one of anything but tensors by name.
    """
    content = _content(file, source)
    if content.startswith(ZIP):
        tensors, storages = _read_zip(content, source)
    else:
        tensors, storages = _read_legacy(content, source)
    declared = sum(math.prod(t.shape) * storages[t.storage.key].itemsize for t in tensors.values())
    check_declared(declared, len(content), source)
    return {name: _array(t, storages[t.storage.key]) for name, t in tensors.items()}


def _content(file: WeightFile, source: str) -> bytes:
    try:
        if isinstance(file, str | os.PathLike):
            with open(file, "rb") as opened:
                return opened.read()
        file.seek(0)
        return file.read(size_of(file))
    except OSError as error:
        raise ValueError(f"{source} cannot be read: {first_line(error)}") from error


def _read_zip(content: bytes, source: str) -> tuple[dict[str, Tensor], Storages]:
    with open_zip(io.BytesIO(content), source) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith(PICKLE) and name.count("/") == 1]
        if len(pickles) != 1:
            raise ValueError(f"Expected a PyTorch file with one data.pkl. Received: {source}")
        root = pickles[0].removesuffix(PICKLE)
        order = f"{root}/byteorder"
        if order in names and read_member(archive, order, source).strip() != b"little":
            raise ValueError(f"Expected little-endian tensors. Received: {source}")
        stream = io.BytesIO(read_member(archive, pickles[0], source))
        tensors = _tensors(read_pickle(stream, source), source)
        storages = {
            key: _numbers(read_member(archive, f"{root}/data/{key}", source), storage, source)
            for key, storage in _wanted(tensors, source).items()
        }
    return tensors, storages


def _read_legacy(content: bytes, source: str) -> tuple[dict[str, Tensor], Storages]:
    """Five pickles (magic number, protocol, system, tensors, keys), then the storages."""
    stream = io.BytesIO(content)
    for expected in (LEGACY_MAGIC, LEGACY_PROTOCOL):
        if read_pickle(stream, source) != expected:
            raise ValueError(f"Expected a PyTorch file. Received: {source}, which is none")
    system = read_pickle(stream, source)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError(f"Expected little-endian tensors. Received: {source}")
    tensors = _tensors(read_pickle(stream, source), source)
    wanted = _wanted(tensors, source)
    keys = read_pickle(stream, source)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(wanted):
        raise ValueError(f"{source} is not a whole PyTorch file: other storages than tensors")
    storages = {}
    for key in keys:  # each its number of elements and then these
        elements = int.from_bytes(stream.read(8), "little")
        if elements != wanted[key].elements:
            raise ValueError(f"{source} is not a whole PyTorch file: storage {key!r} is damaged")
        size = elements * np.dtype(STORAGES[wanted[key].kind]).itemsize
        storages[key] = _numbers(stream.read(size), wanted[key], source)
    return tensors, storages


def _tensors(state, source: str) -> dict[str, Tensor]:
    """The object of a file as a state dict of tensors within their storages."""
    if isinstance(state, dict) and isinstance(state.get(STATE_DICT), dict):
        state = state[STATE_DICT]
    if not isinstance(state, dict) or not state:
        raise ValueError(f"Expected a PyTorch state dict. Received: {source}, which holds none")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(
                "Expected a PyTorch state dict, of tensors alone. "
                f"Received: {source}, where {name!r} is a {type(tensor).__name__}"
            )
        steps = zip(tensor.shape, tensor.strides, strict=True)
        end = tensor.offset + sum((side - 1) * stride for side, stride in steps)
        empty = 0 in tensor.shape or len(tensor.shape) > MAXIMUM_AXES
        if empty or end >= tensor.storage.elements:
            raise ValueError(
                f"Expected tensors within their storages. Received: {source}, where {name!r} "
                f"has shape {tensor.shape}, strides {tensor.strides} and offset {tensor.offset} "
                f"in a storage of {tensor.storage.elements}"
            )
    return state


def _wanted(tensors: dict[str, Tensor], source: str) -> dict[str, Storage]:
    """The storages of tensors by key."""
    wanted: dict[str, Storage] = {}
    for tensor in tensors.values():
        if wanted.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise ValueError(
                f"{source} is not a whole PyTorch file: two storages of one key "
                f"{tensor.storage.key!r}"
            )
    return wanted


def _numbers(content: bytes, storage: Storage, source: str) -> np.ndarray:
    dtype = np.dtype(STORAGES[storage.kind])
    if len(content) != storage.elements * dtype.itemsize:
        raise ValueError(
            f"{source} is not a whole PyTorch file: storage {storage.key!r} is cut off"
        )
    numbers = np.frombuffer(content, dtype)
    if storage.kind == BFLOAT16:  # the upper half of a float32
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers


def _array(tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    steps = zip(tensor.shape, tensor.strides, strict=True)
    strides = [0 if side == 1 else stride * storage.itemsize for side, stride in steps]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
    return plain(view)
