"""Open image files: supported suffixes, decoding, orientation and errors."""

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

# Suffixes of masks: lossless formats only.
MASK_SUFFIXES = (
    *(".png", ".apng", ".bmp", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
LOSSY_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".avifs"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
)
# Photographs that Pillow does not read. They are not skipped; each raises an error with advice.
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
SUFFIXES = (*LOSSY_SUFFIXES, *MASK_SUFFIXES, *HEIC_SUFFIXES)
MAXIMUM_PIXELS = 200_000_000

EXPECTED = "expected an image (JPEG, PNG, WebP, ...)"
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# EXIF orientation -> transposition that turns the image upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SPARE_BYTES = 64 << 20  # memory for reading a header, in addition to the file's size
STRIP_ROWS = 256  # number of rows that are hashed at a time
_WIDTH, _HEIGHT = 256, 257  # TIFF tags

_told: set[str] = set()  # files without an end marker whose warning was logged

Fact = TypeVar("Fact")


class ImageError(ValueError):
    """Raised for an image file that cannot be read; the message names the file."""


class UndecodableError(ImageError):
    """Raised for an image file whose header can be read, but not its pixels."""


class NoEndError(ImageError):
    """Raised for a JPEG file that lacks nothing but its end marker."""


def open_image(path: str | os.PathLike[str], strict: bool = False) -> Image.Image:
    """Decode an image file completely, and turn it upright by its EXIF orientation.

    Of several frames the first is read. Large texts and colour profiles of PNG files are skipped if
    they cause errors. A JPEG that lacks nothing but its end marker is read with a warning.

    Args:
        path: a file of one of `FORMATS`, of at most 200 megapixels.
        strict: whether a JPEG without an end marker is an error. Defaults to False.

    Returns:
        The image in Pillow's mode. `info["largest_value"]` is the largest possible value of a
        channel in the file: Pillow scales 2 and 4 bits to 8, and truncates 16-bit colours to 8.
        `info["white_is_zero"]` is True for a TIFF that stores white as 0.

    Raises:
        FileNotFoundError, IsADirectoryError: the file is missing, or is a folder.
        ValueError: not an image, or a truncated, damaged or too large one.
    """
    path = Path(path)
    _check_file(path)
    # Pillow's readers raise exceptions of many types for damaged files.
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
    """Return the EXIF orientation of an image file, 1 to 8; 1 (upright) if it has none.

    Reads the header only. A file that cannot be opened counts as upright.
    """
    return _of_head(path, _orientation) or 1


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return (height, width) of the upright image; None if the file cannot be opened.

    Reads the header only.
    """
    return _of_head(path, _upright_size)


def _of_head(path: str | os.PathLike[str], fact: Callable[[Image.Image], Fact]) -> Fact | None:
    """Apply a function to an opened, not decoded image; None if it cannot be opened."""
    quieten_pillow()
    for content in (lambda: path, lambda: io.BytesIO(png_without_text(Path(path)) or b"")):
        try:
            with no_pillow_limit(), Image.open(content(), formats=known_formats()) as image:
                return fact(image)
        except Exception:  # Pillow's readers raise many types
            continue
    return None


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # `size` may be the upright size
        width, height = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    sideways = _orientation(image) in (5, 6, 7, 8)
    return (width, height) if sideways else (height, width)


def lacks_end_marker(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a JPEG that lacks nothing but its end marker."""
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
        # Otherwise a damaged file asks for more memory than its pixels need.
        raise UndecodableError(
            f"{source}: {EXPECTED}. Received: a truncated or damaged {image.format} file "
            f"({_one_line(error)})"
        ) from error
    return _upright(image)


def check_size(image: Image.Image, source: str) -> None:
    """Raise a ValueError unless an image has 1 to `MAXIMUM_PIXELS` pixels."""
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{source}: {EXPECTED}. Received: one of {width}x{height} pixels")
    if width * height > MAXIMUM_PIXELS:
        raise ImageError(
            f"{source}: expected an image of at most {MAXIMUM_PIXELS // 10**6} megapixels. "
            f"Received: {width}x{height}, {width * height / 1e6:.0f} megapixels"
        )


def left_out_in_words(kinds: Counter[str]) -> str:
    """Format the counts of `images_in`: `"3 .mov, 1 .txt"`."""
    texts = (f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return ", ".join("1 folder" if text == "1 folders" else text for text in texts)


def kind_of(path: Path) -> str:
    """Return the suffix of a file in lower case, for counting."""
    return path.suffix.lower() or "without a suffix"


def images_in(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Return the files in a folder with suffixes of images, sorted, and counts of the others.

    Hidden files are ignored. Other files are counted by suffix, subfolders as `"folders"`.
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
    """Whether a JPEG ends with zeros instead of an end marker. Pillow decodes them as pixels."""
    with open(path, "rb") as file:
        if file.read(2) != b"\xff\xd8":
            return False
        file.seek(-PADDING, os.SEEK_END)
        if file.read(PADDING).strip(b"\0"):
            return False
        file.seek(0)
        return not has_end(file.read())


def _mended(path: Path, strict: bool) -> Image.Image | None:
    """Decode a file after repair of a fault outside its pixels; None if that is not possible."""
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
    except Exception:  # Pillow's readers raise many types
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
    """Return a hash of the pixels of an image file's content."""
    image, digest = _decoded(io.BytesIO(content), "image"), hashlib.blake2b()
    for top in range(0, image.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, image.height)
        digest.update(image.crop((0, top, image.width, bottom)).tobytes())
    return digest.digest()


def _received(path: Path, error: Exception) -> str:
    """Return the kind of a file that could not be opened, and advice."""
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
    """Prevent memory mapping of a TIFF, with which Pillow garbles images rotated by 90 degrees."""
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
    """Whether `size` bytes of memory can be allocated."""
    try:
        np.empty(size, np.uint8)
    except MemoryError:
        return False
    return True


def _upright(image: Image.Image) -> Image.Image:
    """Return the image turned by its EXIF orientation; unchanged if the EXIF data are damaged."""
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        # `getexif` of the PNG class would decode the image first.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow's readers of EXIF and XMP raise many types
        return 1


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
