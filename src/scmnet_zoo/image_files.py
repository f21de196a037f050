"""Image files: which ones are read, and the one way in which they are opened."""

import contextlib
import errno
import hashlib
import io
import logging
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from scmnet_zoo.image_repair import (
    PADDING,
    PNG_SIGNATURE,
    ended_jpeg,
    has_end,
    png_without_text,
)
from scmnet_zoo.image_values import note_values
from scmnet_zoo.pillow_settings import known_formats, no_pillow_limit, quieten_pillow

_log = logging.getLogger(__name__)

# The names of masks, all of formats without loss.
MASK_SUFFIXES = (
    *(".png", ".apng", ".bmp", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
LOSSY_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".avifs"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
)
# Photographs that Pillow does not read. They are not passed over: each is an error that says so.
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
SUFFIXES = (*LOSSY_SUFFIXES, *MASK_SUFFIXES, *HEIC_SUFFIXES)
MAXIMUM_PIXELS = 200_000_000

EXPECTED = "expected an image (JPEG, PNG, WebP, ...)"
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# What turns a picture upright, by the EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SPARE_BYTES = 64 << 20  # what the head of a file may need beside the file's size
STRIP_ROWS = 256  # of a picture that is hashed, at a time
_WIDTH, _HEIGHT = 256, 257  # tags of TIFF

_told: set[str] = set()  # files without an end marker that were warned of

Fact = TypeVar("Fact")


class ImageError(ValueError):
    """An image file that cannot be read; the message names it."""


class UndecodableError(ImageError):
    """An image file whose head can be read, and its pixels not."""


class NoEndError(ImageError):
    """A JPEG file of which nothing but the end marker is missing."""


def open_image(path: str | os.PathLike[str], strict: bool = False) -> Image.Image:
    """Decode an image file whole, upright by its EXIF orientation.

    Of several frames the first is taken. Of a PNG, large texts and colour profiles are not read. A
    JPEG of which nothing but the end marker is missing is read, and a warning is logged.

    Args:
        path: a file of one of `FORMATS`, of at most 200 megapixels.
        strict: whether a JPEG without its end marker is an error.

    Returns:
        The image in the mode that Pillow gives it. Its `info` has `"largest_value"`, the largest
        value that a channel can have in the file (Pillow scales 2 and 4 bits up to 8, and cuts
        colours of 16 bits down to 8), and `"white_is_zero"`, whether a TIFF stores grey so.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file, or it is a folder.
        ValueError: not an image, a truncated or damaged one, or one that is too large.
    """
    path = Path(path)
    _check_file(path)
    # Pillow's readers raise all sorts of exceptions on damaged files.
    try:
        image = _decoded(path, str(path))
        if _is_padded(path):
            raise UndecodableError(
                f"{path}: {EXPECTED}. Received: a truncated or damaged JPEG file (zeros at its end)"
            )
        return image
    except PermissionError:
        raise
    except MemoryError as error:
        if not _has_memory(path.stat().st_size + SPARE_BYTES):
            raise
        raise ImageError(f"{path}: {EXPECTED}. Received: {_received(path, error)}") from error
    except Exception as error:
        if isinstance(error, ImageError) and not isinstance(error, UndecodableError):
            raise
        mended = _mended(path, strict)
        if mended is not None:
            return mended
        if isinstance(error, UndecodableError):
            raise
        raise ImageError(f"{path}: {EXPECTED}. Received: {_received(path, error)}") from error


def orientation(path: str | os.PathLike[str]) -> int:
    """The EXIF orientation of an image file, 1 to 8; 1 (upright) where there is none.

    Only the file's head is read. A file that cannot be opened counts as upright.
    """
    return _of_head(path, _orientation) or 1


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """(height, width) of an image as it is read; None of a file that cannot be opened.

    Only the file's head is read.
    """
    return _of_head(path, _upright_size)


def _of_head(path: str | os.PathLike[str], fact: Callable[[Image.Image], Fact]) -> Fact | None:
    """What the head of a file says; None where it cannot be opened."""
    quieten_pillow()
    for content in (lambda: path, lambda: io.BytesIO(png_without_text(Path(path)) or b"")):
        try:
            with no_pillow_limit(), Image.open(content(), formats=known_formats()) as image:
                return fact(image)
        except Exception:  # of whatever Pillow's readers raise
            continue
    return None


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # whose size may be the upright one
        width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    sideways = _orientation(image) in (5, 6, 7, 8)
    return (width, height) if sideways else (height, width)


def lacks_end_marker(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a JPEG of which nothing but the end marker is missing."""
    with open(path, "rb") as file:
        if file.read(2) != b"\xff\xd8":
            return False
        file.seek(-2, os.SEEK_END)
        if file.read(2) == b"\xff\xd9":
            return False
    try:
        open_image(path, strict=True)
    except NoEndError:
        return True
    except ImageError:
        return False
    return False


def load(image: Image.Image, source: str) -> Image.Image:
    """Decode an image that Pillow has opened, and turn it upright.

    Raises:
        ValueError: no pixels, more than 200 megapixels, or a truncated or damaged file.
    """
    check_size(image, source)
    note_values(image)
    try:
        with _not_mapped(image):
            image.load()
    except Exception as error:
        if isinstance(error, MemoryError) and not _has_memory(4 * image.width * image.height):
            raise
        # Else a damaged file asks for more memory than its picture needs.
        raise UndecodableError(
            f"{source}: {EXPECTED}. Received: a truncated or damaged {image.format} file "
            f"({_one_line(error)})"
        ) from error
    return _upright(image)


def check_size(image: Image.Image, source: str) -> None:
    """Raise a ValueError unless an image has pixels, and at most `MAXIMUM_PIXELS`."""
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{source}: {EXPECTED}. Received: one of {width}x{height} pixels")
    if width * height > MAXIMUM_PIXELS:
        raise ImageError(
            f"{source}: expected an image of at most {MAXIMUM_PIXELS // 10**6} megapixels. "
            f"Received: {width}x{height}, {width * height / 1e6:.0f} megapixels"
        )


def left_out_in_words(kinds: Counter[str]) -> str:
    """Files that are no images by their names: `"3 .mov, 1 .txt"`."""
    texts = (f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return ", ".join("1 folder" if text == "1 folders" else text for text in texts)


def kind_of(path: Path) -> str:
    """What a file that is left out is counted as: its suffix in small letters."""
    return path.suffix.lower() or "without a suffix"


def images_in(folder: Path) -> tuple[list[Path], Counter[str]]:
    """The files in a folder that are images by their names, sorted, and what is left out.

    Hidden files do not count. What is left out is counted by suffix; folders are counted as such.
    """
    found, left_out = [], Counter[str]()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            left_out["folders"] += 1
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            found.append(path)
        else:
            left_out[kind_of(path)] += 1
    return found, left_out


def _check_file(path: Path) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        raise FileNotFoundError(f"{path}: {EXPECTED}. Received: no such file") from error
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{path}: {EXPECTED}. Received: a folder")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path}: {EXPECTED}. Received: something that is not a file")
    if status.st_size == 0:
        raise ImageError(f"{path}: {EXPECTED}. Received: an empty file")


def _decoded(file: Path | io.BytesIO, source: str) -> Image.Image:
    quieten_pillow()
    with no_pillow_limit(), Image.open(file, formats=known_formats()) as image:
        return load(image, source)


def _is_padded(path: Path) -> bool:
    """Whether a JPEG ends in zeros instead of its end marker: Pillow takes them for pixels."""
    with open(path, "rb") as file:
        if file.read(2) != b"\xff\xd8":
            return False
        file.seek(-PADDING, os.SEEK_END)
        if file.read(PADDING).strip(b"\0"):
            return False
        file.seek(0)
        return not has_end(file.read())


def _mended(path: Path, strict: bool) -> Image.Image | None:
    """The image of a file whose fault does not touch its pixels; None where there is none."""
    with open(path, "rb") as file:
        head = file.read(len(PNG_SIGNATURE))
    try:
        if head == PNG_SIGNATURE:
            content = png_without_text(path)
            return None if content is None else _decoded(io.BytesIO(content), str(path))
        if head[:2] != b"\xff\xd8":
            return None
        content = ended_jpeg(path.read_bytes(), _digest)
        image = None if content is None else _decoded(io.BytesIO(content), str(path))
    except MemoryError:
        raise
    except Exception:  # of whatever Pillow's readers raise
        return None
    if image is None:
        return None
    if strict:
        raise NoEndError(
            f"{path}: {EXPECTED}. Received: a JPEG file without its end marker; it is read if not "
            "strict"
        )
    if str(path) not in _told:
        _told.add(str(path))
        _log.warning("%s: read, though the end marker of this JPEG file is missing", path)
    return image


def _digest(content: bytes) -> bytes:
    """A hash of an image's pixels."""
    image, digest = _decoded(io.BytesIO(content), "image"), hashlib.blake2b()
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        digest.update(image.crop((0, top, image.width, bottom)).tobytes())
    return digest.digest()


def _received(path: Path, error: Exception) -> str:
    """What a file is that could not be opened, and what to do."""
    with open(path, "rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return (
            "a HEIC file, which Pillow does not read. Convert it to JPEG, e.g. by "
            "`heif-convert IN.heic OUT.jpg`; on macOS by "
            "`sips -s format jpeg IN.heic --out OUT.jpg`"
        )
    if head[4:8] == b"ftyp" and head[8:12] not in (b"avif", b"avis"):
        return "a video or another file of several streams"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return (
            "a damaged file or a TIFF of a kind that Pillow does not read. "
            "Save it again as PNG, or as TIFF of 8 bits a channel"
        )
    if isinstance(error, UnidentifiedImageError | OSError):
        return "another or a damaged file"
    return f"a damaged file ({_one_line(error)})"


@contextlib.contextmanager
def _not_mapped(image: Image.Image) -> Iterator[None]:
    """Without a map of a TIFF file into memory: Pillow then scrambles one that is turned by 90°."""
    name = getattr(image, "filename", None)
    if image.format != "TIFF" or not name:
        yield
        return
    image.filename = ""  # type: ignore[attr-defined]
    try:
        yield
    finally:
        image.filename = name  # type: ignore[attr-defined]


def _has_memory(size: int) -> bool:
    """Whether there is memory for so many bytes."""
    try:
        np.empty(size, np.uint8)
    except MemoryError:
        return False
    return True


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF data say; as it is where those are damaged."""
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        # The method of PNG images decodes them first.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # of whatever Pillow's readers of EXIF and XMP raise
        return 1


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
