"""Archives of NumPy arrays (`.npz`)."""

import io
import math

import numpy as np

from scmnet_zoo.weights.foreign._arrays import plain
from scmnet_zoo.weights.limits import WeightFile, first_line
from scmnet_zoo.weights.zip_file import open_zip, read_member

SUFFIX = ".npy"
NUMBERS = "biuf"
MAXIMUM_AXES = 8
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(file: WeightFile, source: str) -> dict[str, np.ndarray]:
    """The arrays of an archive that `numpy.savez` or `savez_compressed` wrote; no pickle is read.

    An array may not be larger than the bytes that the archive holds for it, and those together
    not much larger than the file.

    Args:
        file: a path, or the file opened in binary mode.
        source: what messages call it.

    Returns:
        Arrays by name, in the file's order.

    Raises:
        ValueError: a damaged file, one that declares too much, or one of anything but numbers.
    """
    arrays = {}
    with open_zip(file, source) as archive:
        for name in archive.namelist():
            if not name.endswith(SUFFIX):
                raise ValueError(
                    f"Expected an archive of NumPy arrays. Received: {source}, with {name!r}"
                )
            content = read_member(archive, name, source)
            arrays[name.removesuffix(SUFFIX)] = _array(content, f"{name!r} in {source}")
    return arrays


def _array(content: bytes, source: str) -> np.ndarray:
    """The array of a `.npy` file's content.

    Raises:
        ValueError: a damaged header, anything but numbers, or another length than declared.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran, dtype = HEADERS[version](stream)
    except Exception as error:  # ValueError, KeyError; TypeError and others from odd headers
        raise ValueError(f"{source} is not a NumPy array: {first_line(error)}") from error
    if dtype.hasobject or dtype.kind not in NUMBERS:
        raise ValueError(f"Expected an array of numbers. Received: {source}, which holds {dtype}")
    held = len(content) - stream.tell()
    odd = len(shape) > MAXIMUM_AXES or any(side < 1 for side in shape)
    if odd or math.prod(shape) * dtype.itemsize != held:
        raise ValueError(
            f"Expected the {held} bytes of an array. "
            f"Received: {source}, which declares {dtype} of shape {shape}"
        )
    array = np.frombuffer(content, dtype, offset=stream.tell())
    return plain(array.reshape(shape, order="F" if fortran else "C"))
