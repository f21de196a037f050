"""Checks of HDF5 files, which can point elsewhere and declare more than they hold."""

import io
import math
import mmap
import os
from collections.abc import Iterator
from typing import BinaryIO

import h5py

from scmnet_zoo.weights.limits import WeightFile, check_declared, first_line, size_of
from scmnet_zoo.weights.zip_file import open_zip, read_member

FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
NUMBERS = "biuf"
MAXIMUM_ATTRIBUTES = 1 << 28  # bytes; each text is counted as long as the longest can be
MAXIMUM_OBJECTS = 10_000  # links and attributes; DeepLabV3+ has about 5,000
HEAP = b"GCOL\x01\x00\x00\x00"  # starts a heap of strings of varying length; its size follows
KERAS_WEIGHTS = "model.weights.h5"

Refusal = str  # what is wrong with a file, in words


def check_hdf5(file: WeightFile, source: str) -> None:
    """Refuse an HDF5 file that plain weights have no need for; no array is read.

    Args:
        file: a path, or the file opened in binary mode.
        source: what messages call it.

    Raises:
        ValueError: not a whole HDF5 file; soft or external links, or hard ones in a circle; data
            in other files; datasets of anything but numbers; filters other than gzip, shuffle
            and fletcher32; or datasets or attributes that declare much more than the file holds.
    """
    try:
        size = size_of(file)
        longest = _largest_heap(file)
        with h5py.File(file, "r") as opened:
            refusal, data, attributes = _survey(opened, longest)
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, TypeError ...
        raise ValueError(f"{source} is not a whole HDF5 file: {first_line(error)}") from error
    if refusal is not None:
        raise ValueError(
            f"Expected an HDF5 file of plain arrays of numbers. Received: {source}, {refusal}"
        )
    check_declared(data, size, f"{source} (in its datasets)")
    if attributes > max(size, MAXIMUM_ATTRIBUTES):
        raise ValueError(f"{source}: its attributes may take {attributes} bytes")


def check_keras(file: WeightFile, source: str | None = None) -> None:
    """Refuse a `.keras` file whose archive or weights are not as Keras writes them.

    Args:
        file: a path, or the file opened in binary mode.
        source: name of the file in messages. Defaults to its path.

    Raises:
        ValueError: no zip file, one with unusual members, without weights, or with weights
            that `check_hdf5` refuses.
    """
    source = source or str(getattr(file, "name", file))
    with open_zip(file, source) as archive:
        if KERAS_WEIGHTS not in archive.namelist():
            raise ValueError(
                f"Expected a .keras file that holds {KERAS_WEIGHTS}. Received: {source}"
            )
        content = read_member(archive, KERAS_WEIGHTS, source)
    check_hdf5(io.BytesIO(content), f"{KERAS_WEIGHTS} in {source}")


def _survey(file: h5py.File, longest: int) -> tuple[Refusal | None, int, int]:
    """What is wrong, if anything, and the bytes that datasets and attributes declare."""
    data = attributes = 0
    for count, (path, item) in enumerate(_objects(file)):
        refusal = None
        if isinstance(item, Refusal):
            refusal = item
        elif isinstance(item, h5py.h5a.AttrID):
            refusal, declared = _attribute(item, longest)
            attributes += declared
        elif isinstance(item, h5py.Dataset):
            refusal, declared = _dataset(item)
            data += declared
        if refusal is not None:
            return f"where {path!r} {refusal}", 0, 0
        if count == MAXIMUM_OBJECTS:
            return f"which has over {MAXIMUM_OBJECTS} objects", 0, 0
    return None, data, attributes


def _objects(group: h5py.Group, path: str = "", above: frozenset = frozenset()) -> Iterator[tuple]:
    """The path of every object and attribute, as often as it is linked, with it or a refusal."""
    yield path or "/", group
    yield from _attributes(group, path or "/")
    above |= {_address(group)}
    for name in group:
        here = f"{path}/{name}"
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "an external" if isinstance(link, h5py.ExternalLink) else "a soft"
            yield here, f"is {kind} link"
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield here, item
            yield from _attributes(item, here)
        elif not isinstance(item, h5py.Group):
            yield here, "is a stored data type"
        elif _address(item) in above:
            yield here, "is a link back to a group that it lies in"
        else:
            yield from _objects(item, here, above)


def _address(group: h5py.Group) -> int:
    return h5py.h5o.get_info(group.id).addr


def _attributes(item: h5py.Group | h5py.Dataset, path: str) -> Iterator[tuple]:
    for name in item.attrs:
        yield f"{path}@{name}", item.attrs.get_id(name)


def _dataset(item: h5py.Dataset) -> tuple[Refusal | None, int]:
    """What is wrong with a dataset, if anything, and the bytes that reading it takes."""
    settings = item.id.get_create_plist()
    if settings.get_layout() == h5py.h5d.VIRTUAL:
        return "is a virtual dataset", 0
    if settings.get_external_count():
        return "keeps its data in another file", 0
    if item.dtype.kind not in NUMBERS:
        return f"holds {item.dtype} and not numbers", 0
    filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if filters - FILTERS:
        return f"needs the filter {min(filters - FILTERS)}", 0
    elements = max(_elements(item.shape), _elements(item.chunks))  # a chunk is read as a whole
    return None, elements * item.dtype.itemsize


def _attribute(item: h5py.h5a.AttrID, longest: int) -> tuple[Refusal | None, int]:
    """What is wrong with an attribute, if anything, and the most bytes that reading it takes."""
    kind = item.get_type()
    count = _elements(item.shape)
    if isinstance(kind, h5py.h5t.TypeStringID):
        return None, count * (longest if kind.is_variable_str() else kind.get_size())
    if item.dtype.kind not in NUMBERS:
        return f"holds {item.dtype} and neither text nor numbers", 0
    return None, count * kind.get_size()


def _elements(shape: tuple[int, ...] | None) -> int:
    return 0 if shape is None else math.prod(shape)


def _largest_heap(file: WeightFile) -> int:
    """The size of the largest heap of strings: each string in an attribute may be that long."""
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened, _mapped(opened) as content:
            return _largest_in(content)
    file.seek(0)
    return _largest_in(file.read())


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _largest_in(content: bytes | mmap.mmap) -> int:
    """The longest text of all heaps.

    Raises:
        ValueError: a heap whose entries do not fill it; HDF5 reads some of these for ever.
    """
    largest, start = 0, -1
    while (start := content.find(HEAP, start + 1)) >= 0:
        end = start + _number(content, start + 8, 8)
        place = start + 16
        if not place <= end <= len(content):
            raise ValueError("a heap of texts is damaged")
        while place + 16 <= end:  # each: number of the entry, 0 for free space; ...; its size
            size = _number(content, place + 8, 8)
            if _number(content, place, 2):
                largest = max(largest, size)
                size = 16 + (size + 7) // 8 * 8
            if size < 16 or place + size > end:
                raise ValueError("a heap of texts is damaged")
            place += size
    return largest


def _number(content: bytes | mmap.mmap, place: int, width: int) -> int:
    return int.from_bytes(content[place : place + width], "little")
