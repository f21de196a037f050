"""Opening image files: large texts, missing end markers, depths, suffixes, errors."""

import contextlib
import io
import itertools
import logging
import os
import re
import struct
import tracemalloc
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from photo_tools import pixels
from PIL import Image
from raw_images import GREY_ALPHA, chunk, packed, write_png, write_tiff

from scmnet_zoo import image_files
from scmnet_zoo.image_files import (
    SUFFIXES,
    ImageError,
    images_in,
    lacks_end_marker,
    left_out_in_words,
    open_image,
    orientation,
)
from scmnet_zoo.image_values import largest_value
from scmnet_zoo.images import as_rgb, read_image
from scmnet_zoo.pillow_settings import FORMATS

PHOTO = pixels(40, 60)
MEGABYTE = 1 << 20


def _exif(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif


# PNG files with large texts.


def _ztxt(size, key=b"Comment"):
    return chunk(b"zTXt", key + b"\0\0" + zlib.compress(b"x" * size))


def _itxt(size, key=b"Comment", compressed=True, text=b""):
    text = text + b" " * size
    text = zlib.compress(text) if compressed else text
    return chunk(b"iTXt", key + b"\0" + bytes([compressed]) + b"\0\0\0" + text)


TEXTS = {
    "compressed": _ztxt(2 * MEGABYTE),
    "international": _itxt(2 * MEGABYTE),
    "international, not compressed": _itxt(2 * MEGABYTE, compressed=False),
    "not compressed": chunk(b"tEXt", b"Comment\0" + b"x" * 3 * MEGABYTE),
    "profile": chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(2 * MEGABYTE))),
    "metadata": _itxt(2 * MEGABYTE, b"XML:com.adobe.xmp"),
    "many": b"".join(_ztxt(MEGABYTE - 1) for _ in range(66)),
    "many keys": b"".join(_ztxt(MEGABYTE - 1, b"key%d" % n) for n in range(66)),
    "a bomb": _ztxt(100 * MEGABYTE),
    "a damaged one beside it": chunk(b"zTXt", b"a\0\0no zlib") + _ztxt(2 * MEGABYTE),
    "an unknown compression beside it": chunk(b"zTXt", b"a\0\x07no") + _ztxt(2 * MEGABYTE),
}


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_png_with_large_text_is_read(tmp_path, kind, where):
    path = write_png(tmp_path / "text.png", PHOTO, 8, 2, **{where: TEXTS[kind]})
    np.testing.assert_array_equal(read_image(path), PHOTO)


def test_texts_do_not_take_memory(tmp_path):
    bombs = b"".join(_ztxt(8 * MEGABYTE, b"key%d" % n) for n in range(4))
    path = write_png(tmp_path / "bomb.png", PHOTO, 8, 2, bombs)
    read_image(path)
    tracemalloc.start()
    try:
        read_image(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE


XMP = b'<x tiff:Orientation="6"/>'
RAW_EXIF = b"\nexif\n%8d\n" % len(_exif(6).tobytes()) + _exif(6).tobytes().hex().encode()


@pytest.mark.parametrize(
    "turning",
    [
        _itxt(0, b"XML:com.adobe.xmp", text=XMP),
        _itxt(0, b"XML:com.adobe.xmp", compressed=False, text=XMP),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW_EXIF)),
        chunk(b"tEXt", b"Raw profile type exif\0" + RAW_EXIF),
        chunk(b"eXIf", _exif(6).tobytes()[6:]),
    ],
)
@pytest.mark.parametrize("text", [b"", TEXTS["compressed"]])
def test_a_text_that_turns_the_picture_is_kept(tmp_path, turning, text):
    path = write_png(tmp_path / "text.png", PHOTO, 8, 2, text + turning)
    np.testing.assert_array_equal(read_image(path), np.rot90(PHOTO, -1))
    assert orientation(path) == 6


def test_large_text_in_a_damaged_png_does_not_mend_it(tmp_path):
    path = write_png(tmp_path / "text.png", PHOTO, 8, 2, TEXTS["compressed"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"text\.png: expected an image.*damaged"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_large_colour_profile_of_other_formats(tmp_path, suffix):
    path = tmp_path / f"profile.{suffix}"
    Image.fromarray(PHOTO).save(path, icc_profile=bytes(2 * MEGABYTE))
    assert read_image(path).shape == PHOTO.shape


# JPEG files without an end marker.

NOISE = np.random.default_rng(0).integers(0, 256, (72, 104, 3), "uint8")
JPEGS = {
    "plain": {},
    "progressive": {"progressive": True},
    "best": {"quality": 100, "subsampling": 0},
    "worst": {"quality": 5},
    "4:2:2": {"subsampling": 1},
    "optimised": {"optimize": True},
    "restart markers": {"restart_marker_rows": 1},
    "many restart markers": {"restart_marker_blocks": 2},
    "progressive with restart markers": {"progressive": True, "restart_marker_rows": 1},
    "turned": {"exif": _exif(6)},
}


def _jpeg(mode="RGB", array=NOISE, **options):
    stream = io.BytesIO()
    Image.fromarray(array).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def _written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("end", [b"", b"\xff", bytes(512), b"\xff" * 9])
def test_a_jpeg_without_end_marker_is_read(tmp_path, kind, mode, end, caplog):
    content = _jpeg(mode, **JPEGS[kind])
    whole = read_image(_written(tmp_path / "whole.jpg", content))
    path = _written(tmp_path / "part.jpg", content[:-2] + end)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(path), whole)
        read_image(path)  # a warning once a file
    (warning,) = caplog.messages
    assert str(path) in warning
    assert "end marker" in warning
    assert lacks_end_marker(path)
    assert not lacks_end_marker(tmp_path / "whole.jpg")


@pytest.mark.parametrize("kind", ["plain", "progressive"])
def test_strict(tmp_path, kind, caplog):
    path = _written(tmp_path / "part.jpg", _jpeg(**JPEGS[kind])[:-2])
    expected = rf"^{re.escape(str(path))}: expected an image.*without its end marker"
    for read in (read_image, open_image):
        with pytest.raises(ValueError, match=expected):
            read(path, strict=True)
    assert not caplog.messages
    path = _written(tmp_path / "whole.jpg", _jpeg())
    np.testing.assert_array_equal(read_image(path, strict=True), read_image(path))


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("array", [NOISE, PHOTO, np.full((64, 64, 3), 128, np.uint8)])
def test_a_jpeg_without_scan_data_is_refused(tmp_path, kind, array):
    """Or else no pixel differs: what is missing may be padding."""
    content = _jpeg(array=array, **JPEGS[kind])
    whole = read_image(_written(tmp_path / "whole.jpg", content))
    refused = 0
    for missing in (*range(3, 20), 60, 200, 500, len(content) // 2):
        path = _written(tmp_path / "part.jpg", content[:-missing])
        try:
            read = read_image(path)
        except ValueError:
            refused += 1
        else:
            np.testing.assert_array_equal(read, whole)
    assert refused >= 15 or (array == 128).all()


@pytest.mark.parametrize("options", [JPEGS["restart markers"], JPEGS["many restart markers"]])
def test_a_jpeg_that_ends_at_a_restart_marker_is_refused(tmp_path, options):
    content = _jpeg(**options)
    places = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", content)]
    assert len(places) >= 4
    for place, half in itertools.product(places[-4:], (0, 1, 2)):
        path = _written(tmp_path / "part.jpg", content[: place + half])
        with pytest.raises(ValueError, match="truncated or damaged JPEG"):
            read_image(path)


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path):
    content = _jpeg(progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", content)]
    assert len(scans) > 5
    for place in scans[1:]:
        path = _written(tmp_path / "part.jpg", content[:place])
        with pytest.raises(ValueError, match="truncated or damaged JPEG"):
            read_image(path)


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_a_jpeg_whose_second_half_was_never_written_is_refused(tmp_path, filler):
    content = _jpeg()
    half = len(content) // 2
    path = _written(tmp_path / "part.jpg", content[:half] + filler * (len(content) - half))
    with pytest.raises(ValueError, match="truncated or damaged JPEG"):
        read_image(path)


def test_a_jpeg_with_data_after_its_end(tmp_path):
    for after in (b"a video" * 1000, b"a video" + bytes(99), bytes(99)):
        path = _written(tmp_path / "motion.jpg", _jpeg() + after)
        read_image(path, strict=True)
        assert not lacks_end_marker(path)


# Depths.

RAMP = np.tile(np.arange(256), (4, 1))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_tiffs(tmp_path, bits, white_is_zero, deflate, order):
    largest = 2**bits - 1
    values = RAMP % (largest + 1) if bits < 16 else RAMP * 257
    stored = largest - values if white_is_zero else values
    path = write_tiff(tmp_path / "grey.tif", stored, bits, white_is_zero, order, deflate)
    if bits == 16 and white_is_zero and order == ">":  # Pillow does not open it
        with pytest.raises(ValueError, match=r"grey\.tif: .*a TIFF of a kind .* Save it again"):
            read_image(path)
        return
    expected = np.round(values * 255 / largest).astype("uint8")
    np.testing.assert_array_equal(read_image(path)[..., 0], expected)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_rgb(image)[..., 0], expected)


def test_lzw(tmp_path):
    path = tmp_path / "lzw.tif"
    Image.fromarray((RAMP * 257).astype("uint16")).save(path, compression="tiff_lzw")
    content = path.read_bytes()
    tag = struct.pack("<HHIH", 262, 3, 1, 1)
    assert content.count(tag) == 1
    path.write_bytes(content.replace(tag, struct.pack("<HHIH", 262, 3, 1, 0)))
    np.testing.assert_array_equal(read_image(path)[..., 0], 255 - RAMP)


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("turn", [3, 5, 6, 7, 8])
def test_turned_tiffs(tmp_path, bits, deflate, turn):
    """Pillow maps some of them into memory, and takes their height for their width."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (6, 16))
    path = write_tiff(tmp_path / "t.tif", values, bits, deflate=deflate, more=((274, turn),))
    turned = {
        3: values[::-1, ::-1],
        5: values.T,
        6: np.rot90(values, -1),
        7: values[::-1, ::-1].T,
        8: np.rot90(values),
    }[turn]
    expected = np.round(turned * 255 / (2**bits - 1))
    np.testing.assert_array_equal(read_image(path)[..., 0], expected)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_rgb(image)[..., 0], expected)


def test_a_turned_tiff_with_white_as_zero(tmp_path):
    path = write_tiff(tmp_path / "t.tif", 65535 - RAMP * 257, 16, True, more=((274, 6),))
    np.testing.assert_array_equal(read_image(path)[..., 0], np.rot90(RAMP, -1))
    assert orientation(path) == 6


def test_twelve_bits(tmp_path):
    values = RAMP * 16 + RAMP // 16
    path = write_tiff(tmp_path / "grey.tif", values, 8)
    data = b"".join(
        int("".join(f"{value:012b}" for value in row), 2).to_bytes(384, "big") for row in values
    )
    path = write_tiff(tmp_path / "grey.tif", np.frombuffer(data, "uint8").reshape(4, 384), 8)
    content = path.read_bytes()
    for tag, kind, old, new in ((256, 4, 384, 256), (258, 3, 8, 12)):
        field = struct.pack("<HHII", tag, kind, 1, old)
        assert field in content
        content = content.replace(field, struct.pack("<HHII", tag, kind, 1, new))
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path)[..., 0], RAMP)


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_with_alpha(tmp_path, bits):
    grey, alpha = np.full((4, 6), 100), np.full((4, 6), 51)
    values = np.stack([grey, alpha], -1) * (257 if bits == 16 else 1)
    path = write_png(tmp_path / "alpha.png", values, bits, GREY_ALPHA)
    np.testing.assert_array_equal(read_image(path), np.full((4, 6, 3), 224))


@pytest.mark.parametrize("largest", [1, 15, 100, 255, 1000, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_pgm_of_every_depth(tmp_path, largest, plain):
    values = np.linspace(0, largest, 24).round().astype(int).reshape(4, 6)
    body = " ".join(map(str, values.ravel())).encode()
    if not plain:
        body = values.astype(">u2" if largest > 255 else "u1").tobytes()
    head = f"P{2 if plain else 5}\n6 4\n{largest}\n".encode()
    path = _written(tmp_path / "grey.pgm", head + body)
    assert open_image(path).info["largest_value"] == largest
    expected = np.round(values * 255 / largest)
    assert np.abs(read_image(path)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_largest_value_of_a_png(tmp_path, bits):
    path = write_png(tmp_path / "grey.png", RAMP % 2**bits, bits)
    assert largest_value(open_image(path)) == 2**bits - 1


# Names.


@pytest.mark.parametrize("name", ["a.jpg", "a.JPE", "a.jfif", "a.JPEG", "a.mpo"])
def test_a_jpeg_of_any_suffix_is_found_and_read(tmp_path, name):
    path = _written(tmp_path / name, _jpeg())
    assert images_in(tmp_path) == ([path], Counter())
    assert read_image(path).shape == NOISE.shape


def test_the_first_picture_of_an_mpo(tmp_path):
    path = tmp_path / "two.mpo"
    Image.fromarray(NOISE).save(
        path, "MPO", save_all=True, append_images=[Image.new("RGB", (104, 72))], quality=95
    )
    assert read_image(path).mean() > 100
    assert images_in(tmp_path)[0] == [path]


def test_avif(tmp_path):
    path = tmp_path / "a.avif"
    Image.fromarray(PHOTO).save(path, quality=95)
    assert np.abs(read_image(path).astype(int) - PHOTO).mean() < 4
    assert images_in(tmp_path)[0] == [path]


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix", b"msf1"])
@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".jpg"])
def test_heic_is_told_how_to_convert(tmp_path, brand, suffix):
    path = _written(tmp_path / f"IMG_1{suffix}", b"\0\0\0\x18ftyp" + brand + bytes(100))
    assert images_in(tmp_path)[0] == [path]
    with pytest.raises(ValueError, match=r"IMG_1.*a HEIC file.*Convert it to JPEG") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_video_named_like_a_photograph(tmp_path):
    path = _written(tmp_path / "a.jpg", b"\0\0\0\x18ftypqt  " + bytes(100))
    with pytest.raises(ValueError, match=r"a\.jpg: .*a video"):
        read_image(path)


def test_what_a_folder_leaves_out_is_counted(tmp_path):
    for name in ("b.png", "a.JPG", "c.heic"):
        (tmp_path / name).touch()
    for name in ("1.mov", "2.MOV", "x.txt", "README", ".hidden", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    found, left_out = images_in(tmp_path)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.heic"]
    assert left_out_in_words(left_out) == "1 .db, 2 .mov, 1 .txt, 1 folder, 1 without a suffix"


def test_every_suffix_of_the_formats_is_known():
    Image.init()
    known = {end for end, name in Image.EXTENSION.items() if name in FORMATS}
    assert known - set(SUFFIXES) == {".pfm"}  # floating point, which is refused


# Errors.


def test_no_foreign_program_is_started(tmp_path, monkeypatch):
    mark, programs = tmp_path / "started", tmp_path / "bin"
    programs.mkdir()
    _written(programs / "gs", f"#!/bin/sh\ntouch {mark}\nexit 1\n".encode()).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    stream = io.BytesIO()
    Image.fromarray(PHOTO).save(stream, "EPS")
    path = _written(tmp_path / "picture.png", stream.getvalue())
    for read in (read_image, open_image, orientation):
        if read is orientation:
            assert read(path) == 1
            continue
        with pytest.raises(ValueError, match=r"picture\.png: expected an image"):
            read(path)
    assert not mark.exists()


@pytest.mark.parametrize("error", [RuntimeError, SyntaxError, KeyError, struct.error, OSError])
@pytest.mark.parametrize("method", ["open", "load"])
def test_whatever_pillow_raises_names_the_file(tmp_path, monkeypatch, error, method):
    path = tmp_path / "a.webp"
    Image.fromarray(PHOTO).save(path)

    def fail(*arguments, **options):
        raise error("what nobody understands\nin two lines")

    target = Image if method == "open" else Image.Image
    monkeypatch.setattr(target, method, fail)
    if method == "load":
        monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.load", fail)
    with pytest.raises(ValueError, match=r"a\.webp: expected an image.*damaged") as caught:
        open_image(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_asks_for_too_much_memory_is_damaged(tmp_path, monkeypatch):
    path = tmp_path / "a.webp"
    Image.fromarray(PHOTO).save(path)

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.load", fail)
    with pytest.raises(ValueError, match=r"a\.webp: expected an image.*damaged"):
        open_image(path)
    monkeypatch.setattr(image_files, "_has_memory", lambda size: False)
    with pytest.raises(MemoryError):
        open_image(path)


def test_a_png_with_a_short_head(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(4)))
    with pytest.raises(ValueError, match=r"a\.png: expected an image.*Truncated IHDR"):
        open_image(path)


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt", b"iCCP", b"abCd"])
def test_a_png_that_claims_a_huge_chunk_takes_no_memory(tmp_path, kind):
    path = write_png(tmp_path / "a.png", PHOTO, 8, 2, before=TEXTS["compressed"])
    content = path.read_bytes()
    end = content.rindex(b"IDAT") - 4
    path.write_bytes(content[:end] + struct.pack(">I", 2**32 - 1) + kind + content[end + 8 :])
    tracemalloc.start()
    with contextlib.suppress(ImageError):  # all pixels are there where it is the last chunk
        assert open_image(path).size == (60, 40)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50 * MEGABYTE


def test_a_jpeg_2000_of_impossible_size(tmp_path):
    path = tmp_path / "a.jp2"
    Image.fromarray(PHOTO).save(path)
    content = path.read_bytes()
    place = content.index(b"\xff\x51") + 8  # width, height, offsets and sizes of tiles
    wide = struct.pack(">8I", 2**31 - 1, 2**31 - 1, 0, 0, 2**31 - 1, 2**31 - 1, 0, 0)
    path.write_bytes(content[:place] + wide + content[place + 32 :])
    with pytest.raises(ValueError, match=r"a\.jp2: expected an image"):
        open_image(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="not a file"):
        open_image(tmp_path / "a.jpg")


def test_threads_leave_pillows_limit_as_it_was(tmp_path):
    path = write_png(tmp_path / "a.png", PHOTO, 8, 2)
    limit = Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: read_image(path), range(200)))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_packed_values_are_as_png_has_them():
    assert packed(np.array([1, 2, 3]), 2, ">") == b"\x6c"
