"""Read photographs as RGB arrays."""

import os
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.image_files import (
    MASK_SUFFIXES,
    MAXIMUM_PIXELS,
    SUFFIXES,
    ImageError,
    load,
    open_image,
)
from scmnet_zoo.image_values import DEEP_GREY, LARGEST, in_words, white_is_zero
from scmnet_zoo.pillow_settings import FORMATS

__all__ = [
    "FORMATS",
    "MASK_SUFFIXES",
    "MAXIMUM_PIXELS",
    "SUFFIXES",
    "as_rgb",
    "example_photo",
    "open_image",
    "read_image",
]

STRIP_PIXELS = 4_000_000  # number of pixels per strip in `_from_deep_grey`


def read_image(path: str | os.PathLike[str], strict: bool = False) -> np.ndarray:
    """Read a photograph as an upright RGB array.

    The EXIF orientation is applied. Grey, 1-bit, palette and CMYK images are converted to RGB,
    16 bits are scaled to 8, and transparent pixels are blended with white. Of several frames the
    first is read. A JPEG that lacks nothing but its end marker is read with a warning.

    Args:
        path: a JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM or JPEG 2000 file of at most 200
            megapixels.
        strict: whether a JPEG without an end marker is an error. Defaults to False.

    Returns:
        A uint8 RGB array of shape `(height, width, 3)`.

    Raises:
        FileNotFoundError, IsADirectoryError: the file is missing, or is a folder.
        ValueError: not an image, or a truncated, damaged or too large one.
    """
    return _rgb(open_image(path, strict), str(path))


def as_rgb(image: Image.Image, source: str = "image") -> np.ndarray:
    """Convert a Pillow image to an upright RGB array, as `read_image` does.

    Args:
        image: image of any mode except those with 32 bits a channel.
        source: name of the image in errors.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        ValueError: no pixels, more than 200 megapixels, 32 bits a channel, or a truncated or
            damaged file that was opened but not yet read.
    """
    return _rgb(load(image, source), source)


def _rgb(image: Image.Image, source: str) -> np.ndarray:
    if image.mode in DEEP_GREY:
        return _from_deep_grey(image, source)
    if image.mode == "F":
        raise ImageError(
            f"{source}: expected 8 or 16 bits a channel. Received: floating point; scale the "
            "values to 0..255 and save them with 8 bits"
        )
    try:
        if image.has_transparency_data:
            transparent = image.convert("RGBA")
            image = Image.new("RGB", transparent.size, "white")
            image.paste(transparent, mask=transparent)
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise ImageError(
            f"{source}: expected an image that converts to RGB. Received: {in_words(image)}; "
            "save it again as PNG or JPEG in RGB"
        ) from error


def _from_deep_grey(image: Image.Image, source: str) -> np.ndarray:
    """Convert grey of 12 or 16 bits to RGB of 8. White and transparent pixels become 255."""
    grey = np.asarray(image)
    white = 4095 if image.info.get(LARGEST) == 4095 and image.format != "PPM" else 65535
    if grey.min() < 0 or grey.max() > white:
        raise ImageError(
            f"{source}: expected 8 or 16 bits a channel. Received: values from {grey.min()} to "
            f"{grey.max()}; scale them to 0..255 and save them with 8 bits"
        )
    inverted = white_is_zero(image)
    result = np.empty((*grey.shape, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // grey.shape[1])
    for top in range(0, len(grey), rows):
        strip = grey[top : top + rows].astype(np.uint32)
        strip = white - strip if inverted else strip
        result[top : top + rows] = ((strip * 255 + white // 2) // white)[..., None]
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        result[grey == transparent] = 255
    return result


def example_photo() -> Path:
    """Return the path of the photograph that ships with the package."""
    return Path(str(resources.files("scmnet_zoo"))) / "example" / "street.jpg"
