"""Bit depth of image files, and whether they store white as zero."""

import re

from PIL import Image

DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # modes of more than 8 bits
# Keys that `note_values` adds to `Image.info`.
LARGEST, WHITE_IS_ZERO = "largest_value", "white_is_zero"
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags


def white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF stores white as zero."""
    tags = getattr(image, "tag_v2", None)
    if tags is None or image.mode not in ("1", "L", *DEEP_GREY):
        return bool(image.info.get(WHITE_IS_ZERO, False))
    return tags.get(_PHOTOMETRIC) == 0


def largest_value(image: Image.Image) -> int:
    """Return the largest possible value of a channel; in the file's depth after `open_image`."""
    if LARGEST in image.info:
        return image.info[LARGEST]
    return {"1": 1, "I": 2**32 - 1}.get(image.mode, 65535 if image.mode in DEEP_GREY else 255)


def in_words(image: Image.Image) -> str:
    """Describe the kind of an image, e.g. `"grey of 16 bits a channel"`."""
    kinds = {
        **{"1": "black and white", "L": "grey", "P": "a palette", "RGB": "colours (RGB)"},
        **{"LA": "grey with transparency", "RGBA": "colours with transparency"},
        **{"PA": "a palette with transparency", "CMYK": "colours for print (CMYK)"},
        **{"F": "floating point", **dict.fromkeys(DEEP_GREY, "grey")},
    }
    bits = largest_value(image).bit_length()
    kind = kinds.get(image.mode, f"colours ({image.mode})")
    if image.mode == "F":
        return kind
    return f"{kind} of {bits} bit{'' if bits == 1 else 's a channel'}"


def note_values(image: Image.Image) -> None:
    """Store bit depth and white-is-zero in `info`. Call before decoding, as Pillow drops them."""
    if white_is_zero(image):
        image.info[WHITE_IS_ZERO] = True
    tags = getattr(image, "tag_v2", None)
    if tags is not None and image.mode != "P":
        bits = tags.get(_BITS_PER_SAMPLE, (1,))
        if all(isinstance(each, int) and 0 < each <= 64 for each in bits):
            image.info[LARGEST] = 2 ** max(bits) - 1
        return
    if not getattr(image, "tile", None) or image.mode == "P":
        return
    decoder, _, _, options = image.tile[0]  # type: ignore[attr-defined]
    options = options if isinstance(options, tuple) else (options,)
    if image.format == "PPM" and image.mode in ("L", "I", "RGB"):
        plain = isinstance(options[-1], int) and decoder != "raw"
        image.info[LARGEST] = options[-1] if plain else 65535 if image.mode == "I" else 255
    elif image.format == "PNG" and isinstance(options[0], str):
        depth = re.search(r";(2|4|16)", options[0])
        if depth:
            image.info[LARGEST] = 2 ** int(depth[1]) - 1
