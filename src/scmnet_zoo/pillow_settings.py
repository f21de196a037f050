"""Process-wide settings of Pillow while image files are read."""

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator

from PIL import Image

# Formats that are read. Other formats of Pillow run external programs (EPS) or are not photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")

_pillow_lock = threading.Lock()
_reading = 0  # number of threads that are reading
_pillow_limit: int | None = None


def known_formats() -> tuple[str, ...]:
    """Return the formats in `FORMATS` that the installed Pillow supports."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def no_pillow_limit() -> Iterator[None]:
    """Disable Pillow's limit of pixels in the block. The zoo checks its own, `MAXIMUM_PIXELS`."""
    global _reading, _pillow_limit
    with _pillow_lock:
        if _reading == 0:
            _pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _reading += 1
    try:
        yield
    finally:
        with _pillow_lock:
            _reading -= 1
            if _reading == 0:
                Image.MAX_IMAGE_PIXELS = _pillow_limit


def quieten_pillow() -> None:
    """Ignore Pillow's warnings about unusual files.

    `warnings.catch_warnings` is not thread-safe: threads would restore each other's filters.
    """
    if not any(entry[0] == "ignore" and _is_pillows(entry[3]) for entry in warnings.filters):
        warnings.filterwarnings("ignore", category=UserWarning, module=_PILLOW)


_PILLOW = r"PIL\."


def _is_pillows(module: re.Pattern | str | None) -> bool:
    return getattr(module, "pattern", module) == _PILLOW
