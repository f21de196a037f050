"""Small intact pictures of every kind that the reader takes, and of some that it refuses."""

import functools
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

HEIGHT, WIDTH = 37, 53  # odd, and unlike each other, so that they are found in a header
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's types of colour


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        suffix: of its file, e.g. `".png"`.
        encode: gives the file.
        read: whether the reader takes it.
        mask: whether it can be a label file of indices.
    """

    suffix: str
    encode: Callable[[], bytes]
    read: bool = True
    mask: bool = False


@functools.cache
def encoded(name: str) -> bytes:
    """The file of a kind of `KINDS`."""
    return KINDS[name].encode()


def pixels(channels: int = 3, top: int = 256) -> np.ndarray:
    """A ramp with noise, uint8 or uint16 (height, width, channels), values below `top`."""
    noise = np.random.default_rng(channels).integers(0, top, (HEIGHT, WIDTH, channels))
    ramp = np.linspace(0, top - 1, WIDTH)[None, :, None]
    return ((noise + 3 * ramp) / 4).astype(np.uint8 if top <= 256 else np.uint16)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    values: np.ndarray,
    depth: int = 8,
    colour: int = 0,
    between: bytes = b"",
    transparent: bytes = b"",
) -> bytes:
    """A PNG file.

    Args:
        values: (height, width) or (height, width, channels).
        depth: bits a channel.
        colour: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        between: chunks after the header.
        transparent: the content of tRNS.
    """
    height, width = values.shape[:2]
    if depth == 16:
        rows = values.astype(">u2").tobytes()
    elif depth == 8:
        rows = values.astype(np.uint8).tobytes()
    else:
        bits = (values[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    length = len(rows) // height
    lines = b"".join(b"\0" + rows[y * length : (y + 1) * length] for y in range(height))
    parts = [b"\x89PNG\r\n\x1a\n"]
    parts.append(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)))
    parts.append(between)
    if colour == 3:
        parts.append(chunk(b"PLTE", bytes(range(3 * 2 ** min(depth, 6)))))
    if transparent:
        parts.append(chunk(b"tRNS", transparent))
    parts += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"".join(parts)


def ids(top: int) -> np.ndarray:
    """Blocks of indices below `top`, uint8 (height, width)."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return ((rows // 8 + columns // 8) % top).astype(np.uint8)


def _pillow(image: Image.Image, format_: str, **options) -> Callable[[], bytes]:
    def encode() -> bytes:
        file = io.BytesIO()
        image.save(file, format_, **options)
        return file.getvalue()

    return encode


def _picture(mode: str) -> Image.Image:
    """A picture of one of Pillow's modes."""
    if mode in ("I;16", "I", "F"):
        grey = pixels(1, 65536)[..., 0]
        if mode == "I;16":
            return Image.fromarray(grey)
        return Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32))
    if mode in ("RGBA", "LA"):
        channels = 4 if mode == "RGBA" else 2
        return Image.fromarray(pixels(channels), mode)
    if mode == "P":
        return Image.fromarray(pixels()).quantize(16)
    return Image.fromarray(pixels()).convert(mode)


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def _white_is_zero() -> bytes:
    """A TIFF of 16 bits in which white is 0: the tag of its kind (262) says 0."""
    file = bytearray(_pillow(_picture("I;16"), "TIFF")())
    place = file.find(struct.pack("<HHI", 262, 3, 1))
    file[place + 8 : place + 10] = struct.pack("<H", 0)
    return bytes(file)


def _bomb(kind: bytes, before: bytes) -> Callable[[], bytes]:
    """A PNG with a chunk of a few MB that becomes 4 GB."""

    def encode() -> bytes:
        packer = zlib.compressobj(9)
        start = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
        block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
        return png(pixels(), 8, 2, chunk(kind, before + start + 4095 * block + packer.flush()))

    return encode


def _blank(height: int, width: int) -> bytes:
    """A PNG of a few kB that is black all over, of 1 bit."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    data = zlib.compress(bytes((1 + -(-width // 8)) * height))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _large_text() -> bytes:
    return png(pixels(), 8, 2, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * 2**20))))


def _large_profile() -> bytes:
    return png(pixels(), 8, 2, chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(3 * 2**20))))


def _several(format_: str, **options) -> Callable[[], bytes]:
    image = _picture("RGB")
    more = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)] * 2
    return _pillow(image, format_, save_all=True, append_images=more, **options)


def _kinds() -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for depth in (1, 2, 4, 8, 16):
        top = 2**depth
        grey = ids(min(top, 256)) if depth < 16 else pixels(1, top)[..., 0]
        kinds[f"png-grey-{depth}"] = Kind(".png", functools.partial(png, grey, depth), mask=True)
        kinds[f"png-grey-{depth}-transparent"] = Kind(
            ".png", functools.partial(png, grey, depth, transparent=b"\0\1"), mask=True
        )
        if depth < 16:
            palette = ids(min(top, 16))
            kinds[f"png-palette-{depth}"] = Kind(
                ".png", functools.partial(png, palette, depth, 3), mask=True
            )
            kinds[f"png-palette-{depth}-transparent"] = Kind(
                ".png", functools.partial(png, palette, depth, 3, b"", b"\0\x80"), mask=True
            )
        if depth >= 8:
            for colour in (2, 4, 6):
                values = pixels(CHANNELS[colour], top)
                kinds[f"png-{colour}-{depth}"] = Kind(
                    ".png", functools.partial(png, values, depth, colour)
                )
    kinds["png-large-text"] = Kind(".png", _large_text)
    kinds["png-large-profile"] = Kind(".png", _large_profile)
    for mode in ("L", "RGB", "CMYK"):
        kinds[f"jpeg-{mode}"] = Kind(".jpg", _pillow(_picture(mode), "JPEG"))
    kinds["jpeg-progressive"] = Kind(".jpeg", _pillow(_picture("RGB"), "JPEG", progressive=True))
    for turn in range(0, 10):
        kinds[f"jpeg-turn-{turn}"] = Kind(
            ".jpg", _pillow(_picture("RGB"), "JPEG", exif=_turned(turn))
        )
    for mode in ("RGB", "RGBA"):
        kinds[f"webp-{mode}"] = Kind(".webp", _pillow(_picture(mode), "WEBP"))
        kinds[f"webp-lossless-{mode}"] = Kind(
            ".webp", _pillow(_picture(mode), "WEBP", lossless=True)
        )
        kinds[f"avif-{mode}"] = Kind(".avif", _pillow(_picture(mode), "AVIF", speed=10))
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16"):
        kinds[f"tiff-{mode}"] = Kind(".tif", _pillow(_picture(mode), "TIFF"), mask=mode in "LP")
        if mode != "CMYK":
            kinds[f"tiff-lzw-{mode}"] = Kind(
                ".tiff", _pillow(_picture(mode), "TIFF", compression="tiff_lzw"), mask=mode in "LP"
            )
    for packing in ("tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        mode = "1" if packing == "group4" else "RGB"
        kinds[f"tiff-{packing}"] = Kind(
            ".tif", _pillow(_picture(mode), "TIFF", compression=packing)
        )
    kinds["tiff-white-is-zero"] = Kind(".tif", _white_is_zero)
    kinds["tiff-I"] = Kind(".tif", _pillow(_picture("I"), "TIFF"))
    kinds["tiff-F"] = Kind(".tif", _pillow(_picture("F"), "TIFF"), read=False)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        kinds[f"bmp-{mode}"] = Kind(".bmp", _pillow(_picture(mode), "BMP"), mask=mode in "LP")
    kinds["gif"] = Kind(".gif", _pillow(_picture("P"), "GIF"))
    kinds["gif-transparent"] = Kind(".gif", _pillow(_picture("P"), "GIF", transparency=3))
    for mode, suffix in (("1", ".pbm"), ("L", ".pgm"), ("RGB", ".ppm"), ("I;16", ".pnm")):
        kinds[f"ppm-{mode}"] = Kind(suffix, _pillow(_picture(mode), "PPM"))
    kinds["ppm-F"] = Kind(".pnm", _pillow(_picture("F"), "PPM"), read=False)
    for mode in ("L", "RGB", "RGBA", "I;16"):
        kinds[f"jpeg2000-{mode}"] = Kind(".jp2", _pillow(_picture(mode), "JPEG2000"))
    for format_, suffix in (("GIF", ".gif"), ("WEBP", ".webp"), ("TIFF", ".tif")):
        kinds[f"several-{suffix[1:]}"] = Kind(suffix, _several(format_))
    kinds["several-png"] = Kind(".png", _several("PNG"))
    kinds["several-avif"] = Kind(".avif", _several("AVIF", speed=10))
    for format_ in ("EPS", "PDF", "TGA", "ICO", "PCX", "SGI", "DDS", "IM", "MSP"):
        mode = "1" if format_ == "MSP" else "RGB"
        kinds[f"other-{format_}"] = Kind(".png", _pillow(_picture(mode), format_), read=False)
    for name, text in (
        ("html", b"<!doctype html><html><body>404</body></html>"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        ("zip", b"PK\3\4" + bytes(26)),
        ("empty", b""),
    ):
        kinds[f"other-{name}"] = Kind(".jpg", functools.partial(bytes, text), read=False)
    return kinds


KINDS = _kinds()
# Rare, as each takes as long as hundreds of others.
BOMBS = {
    "bomb-zTXt": Kind(".png", _bomb(b"zTXt", b"Comment\0\0")),
    "bomb-iTXt": Kind(".png", _bomb(b"iTXt", b"Comment\0\1\0\0\0")),
    "bomb-iCCP": Kind(".png", _bomb(b"iCCP", b"profile\0\0")),
    "bomb-large": Kind(".png", functools.partial(_blank, 14_000, 14_200)),
    "bomb-too-large": Kind(".png", functools.partial(_blank, 15_000, 14_200), read=False),
}
KINDS |= BOMBS
ORDINARY = tuple(name for name in KINDS if name not in BOMBS)
MASKS = tuple(name for name in ORDINARY if KINDS[name].mask)
