"""Masks that `segment` wrote, read again as labels."""

import contextlib
import json
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scmnet_zoo.data.labels import VOID, Colour, composed

KEY = "scmnet_zoo"  # of the text in a PNG
HEAD = 4096  # bytes; the text begins within them


def description_of(classes: Sequence[str], palette: Sequence[Colour]) -> PngInfo:
    """The text in an overlay and in a predicted mask: what its values stand for, as JSON.

    Args:
        classes: the names; a value is the place of a name.
        palette: a colour for each class, RGB 0..255.
    """
    text = PngInfo()
    text.add_text(KEY, json.dumps({"classes": list(classes), "palette": [*map(list, palette)]}))
    return text


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an overlay or a mask that says so itself, as `segment` writes them."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return b"tEXt" + KEY.encode() + b"\0" in file.read(HEAD)
    return False


def predicted_ids(mask: Image.Image, classes: Sequence[str]) -> np.ndarray | None:
    """Training ids by the names in a predicted mask, uint8 (height, width).

    Args:
        mask: any label.
        classes: of the dataset, in the order of the training ids.

    Returns:
        None where the mask does not say what it is, names other classes, or no longer has the
        palette that it names: another program has saved it since, and may have sorted its values.
    """
    stated = predicted_colours(mask)
    if stated is None or not set(stated) <= set(classes):
        return None
    return np.array([classes.index(name) for name in stated], np.uint8)[np.asarray(mask)]


def predicted_colours(mask: Image.Image) -> dict[str, Colour] | None:
    """The names in a predicted mask and their colours, in the order of its values.

    Returns:
        None where the mask does not say what it is, or no longer has the palette that it names.
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
