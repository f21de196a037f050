"""Read masks that `segment` wrote as labels."""

import contextlib
import json
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scmnet_zoo.data.labels import VOID, Colour, composed

KEY = "scmnet_zoo"  # keyword of the PNG's text chunk
HEAD = 4096  # bytes; the text chunk starts within them


def description_of(classes: Sequence[str], palette: Sequence[Colour]) -> PngInfo:
    """Return the text chunk of overlays and predicted masks: names and colours as JSON.

    Args:
        classes: names of the classes, in the order of the mask's values.
        palette: colour of each class, RGB 0..255.
    """
    text = PngInfo()
    text.add_text(KEY, json.dumps({"classes": list(classes), "palette": [*map(list, palette)]}))
    return text


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an overlay or mask of `segment`, by its text chunk."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return b"tEXt" + KEY.encode() + b"\0" in file.read(HEAD)
    return False


def predicted_ids(mask: Image.Image, classes: Sequence[str]) -> np.ndarray | None:
    """Return the training ids of a mask that `segment` wrote, uint8 (height, width).

    Args:
        mask: any label.
        classes: names of the dataset's classes, in the order of the training ids.

    Returns:
        The ids. None if the mask has no text chunk of `segment`, names other classes, or has
        another palette than its text chunk, as after saving by a program that reorders values.
    """
    stated = predicted_colours(mask)
    if stated is None or not set(stated) <= set(classes):
        return None
    return np.array([classes.index(name) for name in stated], np.uint8)[np.asarray(mask)]


def predicted_colours(mask: Image.Image) -> dict[str, Colour] | None:
    """Return the classes of a mask that `segment` wrote: names and colours, in order of its values.

    Returns:
        The classes. None if the mask has no text chunk of `segment`, or another palette.
    """
    text = mask.info.get(KEY)
    if mask.mode != "P" or not isinstance(text, str):
        return None
    try:
        stated = json.loads(text)
        names = [composed(name) for name in stated["classes"]]
        colours = [(red, green, blue) for red, green, blue in stated["palette"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not 0 < len(set(names)) == len(names) == len(colours) <= VOID:
        return None
    shown = (mask.getpalette("RGB") or [])[: 3 * len(names)]
    if shown != [channel for colour in colours for channel in colour]:
        return None
    if np.asarray(mask).max() >= len(names):
        return None
    return dict(zip(names, colours, strict=True))
