"""Draw overlays of masks on photographs, and their legends."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scmnet_zoo.fonts import shown_names

Colour = tuple[int, int, int]

STRIP_PIXELS = 4_000_000  # number of pixels that are blended at a time
SMALLEST_TEXT = 14  # smallest text height in pixels
LEAST_SHARE = 0.0005  # smallest share of a class in the legend, printed as 0.1%
PICTURE_PER_TEXT = 36  # ratio of the picture's shorter side to the text height


def blend(
    photo: np.ndarray, mask: np.ndarray, palette: Sequence[Colour], opacity: float
) -> np.ndarray:
    """Blend a photograph with the colours of its mask.

    Args:
        photo: uint8 RGB, `(height, width, 3)`.
        mask: uint8 indices into the palette, `(height, width)`.
        palette: one RGB colour for each class.
        opacity: opacity of the colours, 0 (photograph only) to 1 (colours only).

    Returns:
        A uint8 array `(height, width, 3)`.

    Raises:
        ValueError: an opacity outside 0..1.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"Expected opacity to be from 0 to 1. Received: opacity={opacity}")
    weight = round(256 * opacity)
    colours = np.array(palette, np.uint16) * weight + 128
    result = np.empty_like(photo)
    rows = max(1, STRIP_PIXELS // photo.shape[1])
    for top in range(0, len(photo), rows):
        strip = slice(top, top + rows)
        result[strip] = (
            photo[strip].astype(np.uint16) * (256 - weight) + colours[mask[strip]]
        ) >> 8
    return result


def with_legend(
    picture: Image.Image,
    classes: Sequence[str],
    palette: Sequence[Colour],
    shares: Mapping[str, float],
) -> Image.Image:
    """Add a legend below a picture: classes, their colours and shares.

    Args:
        picture: an RGB image.
        classes: names of the classes in the order of the palette. A name that no font can show
            becomes `class NUMBER`.
        palette: one RGB colour for each class.
        shares: share of each class in the picture, in the order of the legend. Shares that round
            to 0.0% are left out.

    Returns:
        A higher RGB image; also wider if the picture is narrower than one entry.
    """
    size = max(SMALLEST_TEXT, min(picture.size) // PICTURE_PER_TEXT)
    shown = dict(zip(classes, shown_names(tuple(classes)), strict=True))
    fonts = {name: _font(each.font, size) for name, each in shown.items()}
    colours = dict(zip(classes, palette, strict=True))
    entries = [(name, f"{shown[name].text} {share:.1%}") for name, share in shares.items()]
    entries = [entry for entry in entries if shares[entry[0]] >= LEAST_SHARE]

    pad, line = size // 2, 2 * size
    cell = 2 * pad + line + round(max(fonts[name].getlength(text) for name, text in entries))
    columns = max(1, (picture.width - 2 * pad) // cell)
    columns = -(-len(entries) // -(-len(entries) // columns))  # balance the columns
    rows = -(-len(entries) // columns)

    width = max(picture.width, columns * cell + 2 * pad)
    canvas = Image.new("RGB", (width, picture.height + rows * line + 2 * pad), "white")
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for position, (name, text) in enumerate(entries):
        column, row = divmod(position, rows)
        left = pad + column * cell
        middle = picture.height + pad + row * line + line // 2
        swatch = (left, middle - size // 2, left + round(1.5 * size), middle + size // 2)
        draw.rectangle(swatch, fill=colours[name], outline="black")
        draw.text((left + line, middle), text, fill="black", font=fonts[name], anchor="lm")
    return canvas


def _font(path: Path | None, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load a font at a height in pixels; None for Pillow's default font."""
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)
