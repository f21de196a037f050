"""Safe reading of zip files of weights: NumPy's .npz, PyTorch's .pth and Keras's .keras."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from scmnet_zoo.weights.limits import WeightFile, check_declared, first_line, size_of

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:|.*\\|(.*/)?\.\.(/|$)")


@contextmanager
def open_zip(file: WeightFile, source: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip file and check the list of its members. No member is unpacked.

    Raises:
        ValueError: no zip file, or a damaged one; a member that is named twice or lies outside
            of the archive, is encrypted or compressed in an unusual way; or all of them together
            declare much more than the file can hold.
    """
    try:
        size = size_of(file)
        archive = zipfile.ZipFile(file)
    except Exception as error:  # zipfile raises BadZipFile, OSError, ValueError, struct.error ...
        raise ValueError(f"{source} is not a whole zip file: {first_line(error)}") from error
    with archive:
        _check_members(archive, size, source)
        yield archive


def read_member(archive: zipfile.ZipFile, name: str, source: str) -> bytes:
    """Return the content of a member, and check its declared length.

    Raises:
        ValueError: the member is missing or damaged.
    """
    try:
        content = archive.read(name)
        declared = archive.getinfo(name).file_size
    except Exception as error:  # also zlib.error, EOFError, NotImplementedError, KeyError
        raise ValueError(
            f"{source} is not a whole zip file: {name!r}: {first_line(error)}"
        ) from error
    if len(content) != declared:
        raise ValueError(f"{source} is not a whole zip file: {name!r} is cut off")
    return content


def _check_members(archive: zipfile.ZipFile, size: int, source: str) -> None:
    seen: set[str] = set()
    for member in archive.infolist():
        problem = None
        if member.filename in seen:
            problem = "is there twice"
        elif OUTSIDE.match(member.filename):
            problem = "lies outside of the archive"
        elif member.flag_bits & ENCRYPTED:
            problem = "is encrypted"
        elif member.compress_type not in COMPRESSIONS:
            problem = f"is compressed by method {member.compress_type}"
        if problem is not None:
            raise ValueError(
                "Expected a zip file of plain members, stored or deflated. "
                f"Received: {source}, whose member {member.filename!r} {problem}"
            )
        seen.add(member.filename)
    check_declared(sum(member.file_size for member in archive.infolist()), size, source)
