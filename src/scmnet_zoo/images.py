"""Photographs from files, as RGB arrays."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

# What is read; other formats of Pillow run foreign programs (EPS) or hold no photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff"),
    *(".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2"),
)
MAXIMUM_PIXELS = 200_000_000

EXPECTED = "expected an image (JPEG, PNG, WebP, ...)"
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
STRIP_PIXELS = 4_000_000  # how many pixels are converted at a time
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

_pillow_lock = threading.Lock()


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read a photograph, upright.

    The EXIF orientation is applied; grey, 1-bit, palette and CMYK pictures become RGB, 16 bits
    are scaled to 8, and what is transparent is laid over white. Of several frames the first is
    taken.

    Args:
        path: a JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM or JPEG 2000 file of at most 200
            megapixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`, RGB.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file, or it is a folder.
        ValueError: not an image, a truncated or damaged one, or one that is too large.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: {EXPECTED}. Received: a folder")
    if not path.exists():
        raise FileNotFoundError(f"{path}: {EXPECTED}. Received: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: {EXPECTED}. Received: something that is not a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: {EXPECTED}. Received: an empty file")
    # Pillow's readers raise all sorts of exceptions on damaged files, and warn of what is odd.
    with _no_pillow_limit(), warnings.catch_warnings(action="ignore"):
        try:
            image = Image.open(path, formats=_formats())
        except OSError as error:
            if isinstance(error, PermissionError):
                raise
            raise ValueError(f"{path}: {EXPECTED}. Received: another or a damaged file") from error
        except Exception as error:
            raise ValueError(f"{path}: {EXPECTED}. Received: a damaged file ({error})") from error
    with image, warnings.catch_warnings(action="ignore"):
        return as_rgb(image, str(path))


def as_rgb(image: Image.Image, source: str = "image") -> np.ndarray:
    """A Pillow image, upright and in RGB, converted as `read_image` does.

    Args:
        image: any mode but those of 32 bits a channel.
        source: what to call it in errors.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        ValueError: no pixels, more than 200 megapixels, 32 bits a channel, or a truncated or
            damaged file that was opened but not yet read.
    """
    _check_size(image, source)
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{source}: {EXPECTED}. Received: a truncated or damaged {image.format} file "
            f"({_one_line(error)})"
        ) from error
    image = _upright(image)
    if image.mode in SIXTEEN_BIT:
        return _from_sixteen_bits(image, source)
    if image.mode == "F":
        raise ValueError(f"{source}: expected 8 or 16 bits a channel. Received: floating point")
    try:
        if image.has_transparency_data:
            transparent = image.convert("RGBA")
            image = Image.new("RGB", transparent.size, "white")
            image.paste(transparent, mask=transparent)
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise ValueError(
            f"{source}: expected an image that converts to RGB. Received: mode {image.mode}"
        ) from error


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF data say; as it is where those are damaged."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of whatever Pillow's readers of EXIF and XMP raise
        return image
    return image if turn is None else image.transpose(turn)


def _from_sixteen_bits(image: Image.Image, source: str) -> np.ndarray:
    """Grey of 16 bits to RGB of 8: 65535 becomes 255, the value that is transparent too."""
    grey = np.asarray(image)
    if grey.min() < 0 or grey.max() > 65535:
        raise ValueError(
            f"{source}: expected 8 or 16 bits a channel. "
            f"Received: values from {grey.min()} to {grey.max()}"
        )
    result = np.empty((*grey.shape, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // grey.shape[1])
    for top in range(0, len(grey), rows):
        strip = grey[top : top + rows].astype(np.uint32)
        result[top : top + rows] = ((strip + 128) // 257)[..., None]
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result[grey == transparent] = 255
    return result


def _check_size(image: Image.Image, source: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ValueError(f"{source}: {EXPECTED}. Received: one of {width}x{height} pixels")
    if width * height > MAXIMUM_PIXELS:
        raise ValueError(
            f"{source}: expected an image of at most {MAXIMUM_PIXELS // 10**6} megapixels. "
            f"Received: {width}x{height}, {width * height / 1e6:.0f} megapixels"
        )


def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that the installed Pillow knows."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Open a file whatever its size; the limit here is `MAXIMUM_PIXELS`, above Pillow's own."""
    with _pillow_lock:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def example_photo() -> Path:
    """The photograph that ships with the package."""
    return Path(str(resources.files("scmnet_zoo"))) / "example" / "street.jpg"
