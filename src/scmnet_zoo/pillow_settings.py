"""What is set in Pillow, for the whole process, while image files are read."""

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator

from PIL import Image

# What is read; other formats of Pillow run foreign programs (EPS) or hold no photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")

_pillow_lock = threading.Lock()
_reading = 0  # how many threads read at the moment
_pillow_limit: int | None = None


def known_formats() -> tuple[str, ...]:
    """Those of `FORMATS` that the installed Pillow knows."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def no_pillow_limit() -> Iterator[None]:
    """Open a file whatever its size; `MAXIMUM_PIXELS` is the limit, above Pillow's own."""
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
    """Ignore what Pillow warns of in odd files.

    `warnings.catch_warnings` would not do: threads that read at the same time undo each other's.
    """
    if not any(entry[0] == "ignore" and _is_pillows(entry[3]) for entry in warnings.filters):
        warnings.filterwarnings("ignore", category=UserWarning, module=_PILLOW)


_PILLOW = r"PIL\."


def _is_pillows(module: re.Pattern | str | None) -> bool:
    return getattr(module, "pattern", module) == _PILLOW
