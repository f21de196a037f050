"""PNG and TIFF files of kinds that Pillow does not write."""

import struct
import zlib
from pathlib import Path

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA = 0, 2, 3, 4  # colour types of PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def write_png(
    path: Path,
    values: np.ndarray,
    bits: int,
    kind: int = GREY,
    before: bytes = b"",
    after: bytes = b"",
) -> Path:
    """A PNG file of values (height, width) or (height, width, channels).

    Args:
        path: of the file.
        values: as the file stores them.
        bits: of a channel.
        kind: the colour type.
        before: chunks before the pixels.
        after: chunks after the pixels.
    """
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + packed(row.ravel(), bits, ">") for row in values)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(3 * 2**bits)) if kind == PALETTE else b""
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + palette
        + chunk(b"IDAT", zlib.compress(rows))
        + after
        + chunk(b"IEND", b"")
    )
    return path


def packed(values: np.ndarray, bits: int, order: str) -> bytes:
    """Values as bytes, those of less than 8 bits from the highest bit on."""
    if bits == 16:
        return values.astype(f"{order}u2").tobytes()
    digits = "".join(f"{value:0{bits}b}" for value in values)
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def write_tiff(
    path: Path,
    values: np.ndarray,
    bits: int,
    white_is_zero: bool = False,
    order: str = "<",
    deflate: bool = False,
    more: tuple[tuple[int, int], ...] = (),
) -> Path:
    """A TIFF file of grey values (height, width), or of colours (height, width, 3).

    Args:
        path: of the file.
        values: as the file stores them.
        bits: of a value.
        white_is_zero: what the file says of itself.
        order: of bytes, `"<"` or `">"`.
        deflate: whether to compress.
        more: tags, each with a value of 16 bits.
    """
    height, width = values.shape[:2]
    channels = values.size // (height * width)
    data = b"".join(packed(row.ravel(), bits, order) for row in values)
    data = zlib.compress(data) if deflate else data
    tags = {256: width, 257: height, 258: bits, 259: 8 if deflate else 1}
    tags |= {262: 2 if channels == 3 else int(not white_is_zero), 273: 8, 277: channels}
    tags |= {278: height, 279: len(data)} | dict(more)
    wide = (256, 257, 273, 278, 279)
    offset = 8 + len(data) + len(data) % 2
    fields, extra = b"", b""
    after = offset + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        if tag == 258 and channels > 1:
            fields += struct.pack(f"{order}HHII", tag, 3, channels, after + len(extra))
            extra += struct.pack(f"{order}{channels}H", *[bits] * channels)
        elif tag in wide:
            fields += struct.pack(f"{order}HHII", tag, 4, 1, value)
        else:
            fields += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    mark = b"II" if order == "<" else b"MM"
    path.write_bytes(
        mark
        + struct.pack(f"{order}HI", 42, offset)
        + data
        + b"\0" * (len(data) % 2)
        + struct.pack(f"{order}H", len(tags))
        + fields
        + b"\0" * 4
        + extra
    )
    return path
