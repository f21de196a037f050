"""Reader of lists of frames: text files with one frame per line."""

import codecs
import re
from collections.abc import Container
from pathlib import Path

from scmnet_zoo.data.dataset import reason
from scmnet_zoo.data.labels import composed
from scmnet_zoo.files import read_small

COMMENT = "#"
LONGEST = 4096  # largest number of characters in a line, the limit of a path
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")  # suffix of a file name
BETWEEN = re.compile(r"\s*[,;\t]\s*|\s+")  # separator between the paths of a pair


def listed_names(file: Path, known: Container[str]) -> list[str]:
    """Read the names of frames from a text file with one frame per line.

    A line is a name (`0001`), the path of an image (`images/0001.png`), or the paths of an image
    and its mask, separated by white space, comma or semicolon. Empty lines and lines that start
    with `#` are skipped. Paths lose their suffix and leading folders until the name is known.

    Args:
        file: the list, in UTF-8, or in UTF-16 with a byte order mark.
        known: names of the existing frames.

    Returns:
        The names in the order of the list. A line of an unknown frame is returned unchanged.

    Raises:
        ValueError: the file is missing or cannot be read, has no name or too long a line, or pairs
            an image with the mask of another.
    """
    names = []
    for number, line in enumerate(_text(file).splitlines(), 1):
        line = composed(line.strip().strip("\ufeff").strip())
        if len(line) > LONGEST:
            raise ValueError(
                f"{file}, line {number}: expected a frame's name. Received: {len(line)} characters"
            )
        if line in known:
            names.append(line)
        elif line and not line.startswith(COMMENT):
            names.append(_name(line, known, f"{file}, line {number}"))
    if not names:
        raise ValueError(f"Expected at least one frame name in {file}. Received: none")
    return names


def _text(file: Path) -> str:
    try:
        content = read_small(file)
    except OSError as error:
        raise ValueError(
            f"Expected the list of frames {file}. Received: {reason(error)}"
        ) from error
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return content.decode("utf-16" if content.startswith(marks) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected {file} in UTF-8. Received: {error}") from error


def _name(line: str, known: Container[str], where: str) -> str:
    """Return the name of the frame in a line.

    Raises:
        ValueError: the line pairs two frames.
    """
    pairs = [(line[: gap.start()], line[gap.end() :]) for gap in BETWEEN.finditer(line)]
    for paths in [] if SUFFIX.sub("", line) in known else pairs:
        first, second = (_known(path, known) for path in paths)
        if first is not None and (first == second or _is_mask_of(paths[1], first)):
            return first
        if first is not None and second is not None:
            raise _not_a_pair(line, where)
    found = _known(line, known)
    if found is None and any(_known(image, known) is not None for image, _ in pairs):
        raise _not_a_pair(line, where)
    return line if found is None else found


def _not_a_pair(line: str, where: str) -> ValueError:
    return ValueError(
        f"{where}: expected a frame's name, or the paths of an image and of the mask of the same "
        f"name. Received: {line}"
    )


def _is_mask_of(path: str, name: str) -> bool:
    """Whether a path is the mask of a frame with a suffix, such as `0001_L.png` of `0001`."""
    stem, last = path.replace("\\", "/").split("/")[-1], name.split("/")[-1]
    return stem.startswith((f"{last}_", f"{last}-", f"{last}."))


def _known(path: str, known: Container[str]) -> str | None:
    """Return the frame's name in a path, without suffix and leading folders; None if unknown."""
    path = path.strip().strip("\"'").replace("\\", "/")
    for name in (path, SUFFIX.sub("", path)):
        parts = [part for part in name.split("/") if part not in ("", ".")]
        for first in range(len(parts)):
            if "/".join(parts[first:]) in known:
                return "/".join(parts[first:])
    return None
