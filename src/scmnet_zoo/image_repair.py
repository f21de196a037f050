"""Repair PNG and JPEG files whose fault is outside the pixels, so that Pillow can read them."""

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Keywords of the texts that can hold the orientation. These are kept up to LARGEST_TEXT bytes.
KEYS = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"exif")
LARGEST_TEXT = 1 << 20

JPEG_END = b"\xff\xd9"
PADDING = 8  # smallest number of zeros at the end of a file that was not written completely
# Scan data that changes the decoded image if the image is incomplete.
FILLERS = (
    b"\x55" * 64,
    b"\xaa" * 64,
    b"\xfe" * 64,
    bytes((73 * place + 41) % 255 for place in range(512)),  # all bytes but 0xFF
)
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


def png_without_text(path: Path) -> bytes | None:
    """Read a PNG file without colour profile and texts, except texts with the orientation.

    Returns:
        The remaining bytes of the file, up to a truncated chunk. None if there was nothing to
        remove.
    """
    parts, dropped, keys = [PNG_SIGNATURE], 0, set()
    rest = path.stat().st_size - len(PNG_SIGNATURE)
    with open(path, "rb") as file:
        file.seek(len(PNG_SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            rest -= 12 + length
            if rest < 0:  # truncated: do not allocate the chunk's stated length
                parts += [head, file.read()]
                break
            if kind == b"iCCP" or (kind in TEXTS and length > LARGEST_TEXT):
                dropped += 1
                file.seek(length + 4, 1)
                continue
            body = file.read(length + 4)
            if kind in TEXTS:
                key = body.partition(b"\0")[0]
                if key in keys or key not in KEYS or not _is_small(kind, body[:-4]):
                    dropped += 1
                    continue
                keys.add(key)
            parts += [head, body]
            if kind == b"IEND":
                break
    return b"".join(parts) if dropped else None


def _is_small(kind: bytes, body: bytes) -> bool:
    """Whether a text has at most `LARGEST_TEXT` bytes after decompression."""
    rest = body.partition(b"\0")[2]
    if kind == b"tEXt":
        return True
    if kind == b"iTXt":
        if rest[:1] == b"\0":
            return True
        rest = rest[2:].split(b"\0", 2)[-1]
    else:
        rest = rest[1:]
    stream = zlib.decompressobj()
    try:
        stream.decompress(rest, LARGEST_TEXT - 1)
    except zlib.error:
        return False
    return not stream.unconsumed_tail


def ended_jpeg(content: bytes, digest: Callable[[bytes], bytes]) -> bytes | None:
    """Append the missing end marker to a JPEG file whose pixels are complete.

    The pixels are complete if all scans exist and data appended to the last scan does not change
    the image.

    Args:
        content: content of the file.
        digest: function that returns a hash of the pixels of a file's content.

    Returns:
        The content with the marker. None if a part of the image is missing.
    """
    content = _without_padding(content)
    missing, _ = _walk(content)
    if missing:
        return None
    ended = content + JPEG_END
    expected = digest(ended)
    last_scan = content[content.rfind(b"\xff\xda") :]
    passed = len(_RESTART.findall(last_scan)) % 8
    for filler in FILLERS:
        more = filler  # repeated after each of the next restart markers
        for number in range(passed, passed + 8):
            more += b"\xff" + bytes([0xD0 + number % 8]) + filler
        if digest(content + more + JPEG_END) != expected:
            return None
    return ended


def _without_padding(content: bytes) -> bytes:
    """Remove zero padding, or the first byte of a marker, from the end."""
    bare = content.rstrip(b"\0")
    if len(content) - len(bare) >= PADDING:
        content = bare
    return content.rstrip(b"\xff")


def has_end(content: bytes) -> bool:
    """Whether a JPEG file has an end marker after its scans."""
    return _walk(content)[1]


def _walk(content: bytes) -> tuple[bool, bool]:
    """Return whether a JPEG lacks a scan, and whether it has an end marker.

    A progressive JPEG has several scans of each component, down to the last bit of each
    coefficient. The last existing scan may be incomplete.
    """
    missing: dict[int, dict[int, int]] = {}  # component -> coefficient -> number of missing bits
    progressive = False
    found = _MARKER.search(content, 2)
    while found:
        kind, start = content[found.start() + 1], found.end()
        if content[start - 1 : start] == JPEG_END[1:]:
            break
        body = content[start + 2 : start + int.from_bytes(content[start : start + 2], "big")]
        if kind in _FRAMES:
            progressive = kind in _PROGRESSIVE
            missing = {body[6 + 3 * n]: dict.fromkeys(range(64), 1) for n in range(body[5])}
        elif kind == 0xDA:
            first, last, bits = body[-3:]
            for component in body[1 : 1 + 2 * body[0] : 2]:
                for coefficient in range(first, last + 1) if progressive else range(64):
                    missing[component][coefficient] = bits & 15 if progressive else 0
        found = _MARKER.search(content, start + 2 + len(body))
    lacking = not missing or any(any(bits.values()) for bits in missing.values())
    return lacking, found is not None
