"""Reading photographs: every format to RGB, every bad file to one line."""

import io
import re
import struct
import time
import zlib

import numpy as np
import pytest
from photo_tools import pixels
from PIL import Image

from scmnet_zoo import image_files, images
from scmnet_zoo.images import as_rgb, example_photo, read_image
from scmnet_zoo.pillow_settings import no_pillow_limit

PHOTO = pixels(40, 60)


def _write(tmp_path, image, name, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_lossless_formats_are_read_exactly(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = _write(tmp_path, Image.fromarray(PHOTO), f"photo.{suffix}", **options)
    np.testing.assert_array_equal(read_image(path), PHOTO)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "jp2"])
def test_lossy_formats_are_close(tmp_path, suffix):
    path = _write(tmp_path, Image.fromarray(PHOTO), f"photo.{suffix}", quality=95)
    assert np.abs(read_image(path).astype(int) - PHOTO).mean() < 4


def test_the_name_does_not_decide(tmp_path):
    path = _write(tmp_path, Image.fromarray(PHOTO), "photo.jpg", format="PNG")
    np.testing.assert_array_equal(read_image(str(path)), PHOTO)


ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_turns_the_picture(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _write(tmp_path, Image.fromarray(PHOTO), "photo.png", exif=exif)
    np.testing.assert_array_equal(read_image(path), ORIENTATIONS[orientation](PHOTO))


def test_exif_orientation_of_a_jpeg(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _write(tmp_path, Image.fromarray(PHOTO), "photo.jpg", quality=95, exif=exif)
    read = read_image(path)
    assert read.shape == (60, 40, 3)
    assert np.abs(read.astype(int) - np.rot90(PHOTO, -1)).mean() < 4


def _exif(mark, *entries):
    """EXIF data of one directory; an entry is tag, type, count and four bytes."""
    body = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    count = struct.pack(">H", len(entries))
    return b"Exif\0\0" + mark + b"\0*\0\0\0\x08" + count + body + b"\0" * 4


DAMAGED_EXIF = {  # Pillow opens the pictures, and cannot write these data again
    "a width in letters": _exif(b"MM", (0x100, 2, 4, b"320\0"), (0x112, 3, 1, b"\0\6\0\0")),
    "no byte order": _exif(b"XX", (0x112, 3, 1, b"\0\6\0\0")),
}


@pytest.mark.parametrize("name", DAMAGED_EXIF)
@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_damaged_exif_data_do_not_cost_the_picture(tmp_path, name, suffix):
    options = {"quality": 95, "exif": DAMAGED_EXIF[name]}
    read = read_image(_write(tmp_path, Image.fromarray(PHOTO), f"photo.{suffix}", **options))
    turned = np.rot90(PHOTO, -1) if "width" in name else PHOTO
    assert read.shape == turned.shape
    assert np.abs(read.astype(int) - turned).mean() < 4


def test_a_truncated_file_that_pillow_has_opened(tmp_path):
    path = _write(tmp_path, Image.fromarray(PHOTO), "photo.png")
    path.write_bytes(path.read_bytes()[:-200])
    with Image.open(path) as image, pytest.raises(ValueError, match="truncated or damaged PNG"):
        as_rgb(image)


def test_grey(tmp_path):
    path = _write(tmp_path, Image.fromarray(PHOTO[..., 0]), "grey.png")
    np.testing.assert_array_equal(read_image(path), np.repeat(PHOTO[..., :1], 3, axis=2))


def test_one_bit(tmp_path):
    bits = PHOTO[..., 0] > 127
    path = _write(tmp_path, Image.fromarray(bits), "bits.png")
    assert Image.open(path).mode == "1"
    np.testing.assert_array_equal(
        read_image(path), np.repeat(bits[..., None] * np.uint8(255), 3, 2)
    )


def test_palette(tmp_path):
    image = Image.fromarray((PHOTO[..., 0] > 127).astype("uint8"))
    image.putpalette([10, 20, 30, 200, 100, 50])
    read = read_image(_write(tmp_path, image, "palette.png"))
    assert {tuple(colour) for colour in read.reshape(-1, 3)} == {(10, 20, 30), (200, 100, 50)}


def test_a_transparent_palette_colour_becomes_white(tmp_path):
    image = Image.fromarray((PHOTO[..., 0] > 127).astype("uint8"))
    image.putpalette([10, 20, 30, 200, 100, 50])
    read = read_image(_write(tmp_path, image, "palette.png", transparency=0))
    assert {tuple(colour) for colour in read.reshape(-1, 3)} == {(255, 255, 255), (200, 100, 50)}


@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (255, 100), (51, 224)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(tmp_path, mode, alpha, expected):
    colour = (100, 100, 100, alpha) if mode == "RGBA" else (100, alpha)
    read = read_image(_write(tmp_path, Image.new(mode, (8, 8), colour), "alpha.png"))
    np.testing.assert_array_equal(read, np.full((8, 8, 3), expected))


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(images, "STRIP_PIXELS", 600)  # two rows at a time
    values = np.arange(0, 65536, 32, dtype="uint16").reshape(8, 256)
    read = read_image(_write(tmp_path, Image.fromarray(values), f"deep.{suffix}"))
    expected = np.round(values / 257).astype("uint8")
    np.testing.assert_array_equal(read, np.repeat(expected[..., None], 3, axis=2))


def test_a_transparent_grey_of_sixteen_bits_becomes_white(tmp_path):
    image = Image.fromarray(np.array([[0, 40000]] * 8, "uint16"))
    read = read_image(_write(tmp_path, image, "deep.png", transparency=0))
    np.testing.assert_array_equal(read[0], [[255] * 3, [156] * 3])


def test_sixteen_bit_rgb_png(tmp_path):
    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    row = b"\0" + np.array([[0, 32896, 65535]] * 40, ">u2").tobytes()
    header = struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 40))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(read_image(path), np.full((40, 40, 3), (0, 128, 255)))


def test_cmyk_jpeg(tmp_path):
    path = _write(tmp_path, Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "cmyk.jpg", quality=95)
    assert Image.open(path).mode == "CMYK"
    assert np.abs(read_image(path).astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_the_first_of_several_frames(tmp_path, suffix):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = _write(
        tmp_path, frames[0], f"frames.{suffix}", save_all=True, append_images=frames[1:], **options
    )
    assert Image.open(path).n_frames == 3
    np.testing.assert_array_equal(read_image(path), np.full((30, 40, 3), (255, 0, 0)))


def _refused(path, kind=ValueError):
    with pytest.raises(kind) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected an image")
    assert "\n" not in message
    return message.partition("Received: ")[2]


def test_a_missing_file(tmp_path):
    assert _refused(tmp_path / "none.jpg", FileNotFoundError) == "no such file"


def test_a_folder(tmp_path):
    assert _refused(tmp_path, IsADirectoryError) == "a folder"


def test_a_text_file(tmp_path):
    path = tmp_path / "text.jpg"
    path.write_text("This is no photograph.\n" * 100)
    assert "another or a damaged file" in _refused(path)


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert _refused(path) == "an empty file"


def test_a_header_of_no_pixels(tmp_path):
    path = tmp_path / "zero.ppm"
    path.write_bytes(b"P6\n0 5\n255\n")
    _refused(path)


@pytest.mark.parametrize("left", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("jpg", {}),
        ("jpg", {"progressive": True}),
        ("png", {}),
        ("webp", {}),
        ("bmp", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("gif", {}),
        ("jp2", {}),
    ],
)
def test_a_truncated_file_is_never_half_a_picture(tmp_path, suffix, options, left):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype="uint8")
    whole = _write(tmp_path, Image.fromarray(noise), f"whole.{suffix}", **options).read_bytes()
    path = tmp_path / f"part.{suffix}"
    path.write_bytes(whole[: int(left * len(whole))])
    assert "damaged" in _refused(path)


def test_a_program_for_a_printer_is_not_run(tmp_path):
    path = tmp_path / "picture.eps"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nquit\n")
    _refused(path)


def test_floating_point_is_refused(tmp_path):
    path = _write(tmp_path, Image.new("F", (40, 40), 0.5), "float.tif")
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected 8 or 16 bits")):
        read_image(path)


def test_300_megapixels_are_refused_from_the_header(tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 15000, 8, 2, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + struct.pack(">I", 1000)
        + b"IDAT"
        + bytes(1000)
    )
    limit = Image.MAX_IMAGE_PIXELS
    start = time.perf_counter()
    with pytest.raises(
        ValueError, match=r"at most 200 megapixels\. Received: 20000x15000, 300 mega"
    ):
        read_image(path)
    assert time.perf_counter() - start < 1
    assert limit == Image.MAX_IMAGE_PIXELS


def test_190_megapixels_are_within_the_limit():
    """More than Pillow opens by default, which would call it a bomb."""
    stream = io.BytesIO()
    Image.new("1", (19000, 10000)).save(stream, "PNG")
    with no_pillow_limit():
        image = Image.open(stream)
    image_files.check_size(image, "image")


def test_a_pillow_image_without_pixels():
    with pytest.raises(ValueError, match="Received: one of 0x5 pixels"):
        as_rgb(Image.new("RGB", (0, 5)))


def test_the_example_is_a_photograph():
    assert read_image(example_photo()).shape == (720, 1280, 3)
    assert "MIT" in example_photo().with_name("NOTICE").read_text(encoding="utf-8")
