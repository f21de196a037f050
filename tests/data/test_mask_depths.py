"""Masks of 1, 2, 4, 8 and 16 bits: the indices that the file stores, or an error that says why."""

import numpy as np
import pytest
from PIL import Image
from raw_images import GREY_ALPHA, PALETTE, RGB, write_png, write_tiff

from scmnet_zoo.data.check import check
from scmnet_zoo.data.folder import folder
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, MixedMasks
from scmnet_zoo.image_files import open_image

ANY = IndexMasks({index: index for index in range(256)}, "any index")
COLOURS = ColourMasks({(n, n, n): n for n in range(256)}, "greys")


def _indices(bits):
    """Every index of so many bits, at most 256 of them; the width is no whole number of bytes."""
    return np.arange(4 * 67).reshape(4, 67) % min(2**bits, 256)


def _decoded(path, masks=ANY):
    return masks.decode(open_image(path), path)


@pytest.mark.parametrize("masks", [ANY, MixedMasks(ANY, COLOURS)])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png(tmp_path, bits, masks):
    path = write_png(tmp_path / "m.png", _indices(bits), bits)
    np.testing.assert_array_equal(_decoded(path, masks), _indices(bits))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png(tmp_path, bits):
    path = write_png(tmp_path / "m.png", _indices(bits), bits, PALETTE)
    np.testing.assert_array_equal(_decoded(path), _indices(bits))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_tiff(tmp_path, bits, deflate, order):
    path = write_tiff(tmp_path / "m.tif", _indices(bits), bits, False, order, deflate)
    np.testing.assert_array_equal(_decoded(path), _indices(bits))


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_a_tiff_with_white_as_zero_is_refused(tmp_path, bits):
    path = write_tiff(tmp_path / "m.tif", _indices(bits), bits, white_is_zero=True)
    with pytest.raises(ValueError, match=rf"m\.tif: .*{bits} bits a channel with white as zero;"):
        _decoded(path)


def test_one_bit_is_read_as_it_is_shown(tmp_path):
    """Fax compression stores white as zero; what was saved as 1 is 1 again."""
    bits = Image.fromarray(_indices(1).astype(bool))
    for options in ({}, {"compression": "group4"}, {"compression": "packbits"}):
        bits.save(tmp_path / "m.tif", **options)
        np.testing.assert_array_equal(_decoded(tmp_path / "m.tif"), _indices(1))
    for suffix in ("png", "bmp", "pbm"):
        bits.save(tmp_path / f"m.{suffix}")
        np.testing.assert_array_equal(_decoded(tmp_path / f"m.{suffix}"), _indices(1))


@pytest.mark.parametrize("largest", [1, 3, 15, 40, 255, 300, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_pgm(tmp_path, largest, plain):
    values = np.arange(4 * 67).reshape(4, 67) % min(largest + 1, 256)
    body = " ".join(map(str, values.ravel())).encode()
    if not plain:
        body = values.astype(">u2" if largest > 255 else "u1").tobytes()
    (tmp_path / "m.pgm").write_bytes(f"P{2 if plain else 5}\n67 4\n{largest}\n".encode() + body)
    np.testing.assert_array_equal(_decoded(tmp_path / "m.pgm"), values)


@pytest.mark.parametrize("suffix", ["gif", "bmp"])
@pytest.mark.parametrize("colours", [2, 4, 16, 200])
def test_palettes_of_other_formats(tmp_path, suffix, colours):
    values = np.arange(4 * 67).reshape(4, 67) % colours
    image = Image.fromarray(values.astype("uint8"), "P")
    image.putpalette(np.random.default_rng(0).permutation(256 * 3).astype("uint8").tobytes())
    image.save(tmp_path / f"m.{suffix}", **({"optimize": False} if suffix == "gif" else {}))
    np.testing.assert_array_equal(_decoded(tmp_path / f"m.{suffix}"), values)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_larger_values_of_16_bits_are_refused(tmp_path, suffix):
    path = tmp_path / f"m.{suffix}"
    Image.fromarray(np.array([[0, 257, 26001]], "uint16")).save(path)
    expected = r"grey of 16 bits a channel, values from 0 to 26001; save it as PNG, with indices"
    with pytest.raises(ValueError, match=rf"m\.{suffix}: .*{expected}"):
        _decoded(path)


def test_colours_of_16_bits_are_refused(tmp_path):
    values = np.zeros((4, 6, 3), int)
    values[..., 0] = 1
    for path in (
        write_png(tmp_path / "m.png", values, 16, RGB),
        write_tiff(tmp_path / "m.tif", values, 16),
    ):
        for masks in (COLOURS, MixedMasks(ANY, COLOURS)):
            with pytest.raises(ValueError, match=r"m\.\w+: .*colours \(RGB\) of 16 bits.*; save"):
                _decoded(path, masks)
        with pytest.raises(ValueError, match=r"m\.\w+: .*16 bits.*; save it as PNG, with indices"):
            _decoded(path)


def test_grey_of_16_bits_is_no_colour(tmp_path):
    path = write_png(tmp_path / "m.png", _indices(16), 16)
    with pytest.raises(ValueError, match=r"m\.png: .*8-bit colours.*grey of 16 bits"):
        _decoded(path, COLOURS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_table_of_colours_goes_by_what_is_shown(tmp_path, bits):
    path = write_png(tmp_path / "m.png", _indices(bits), bits)
    shown = _indices(bits) * 255 // (2**bits - 1)
    np.testing.assert_array_equal(_decoded(path, COLOURS), shown)


@pytest.mark.parametrize("alpha", [255, 254, 0])
def test_grey_with_alpha(tmp_path, alpha):
    values = np.stack([_indices(8), np.full((4, 67), alpha)], -1)
    path = write_png(tmp_path / "m.png", values, 8, GREY_ALPHA)
    if alpha == 255:
        np.testing.assert_array_equal(_decoded(path), _indices(8))
        return
    with pytest.raises(ValueError, match=r"m\.png: .*grey with transparency of 8 bits.*; save"):
        _decoded(path)


def test_grey_with_alpha_of_16_bits_is_refused(tmp_path):
    values = np.stack([_indices(8), np.full((4, 67), 65535)], -1)
    path = write_png(tmp_path / "m.png", values, 16, GREY_ALPHA)
    with pytest.raises(ValueError, match=r"m\.png: .*16 bits"):
        _decoded(path)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_mask_is_turned_as_its_file_says(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    values = _indices(8).astype("uint8")
    Image.fromarray(values).save(tmp_path / "m.png", exif=exif)
    turned = np.rot90(values, {3: 2, 6: -1, 8: 1}[turn])
    np.testing.assert_array_equal(_decoded(tmp_path / "m.png"), turned)


@pytest.mark.parametrize("suffix", ["gif", "pgm", "apng", "TIF"])
def test_masks_of_other_suffixes_are_found(tmp_path, suffix):
    root = _own(tmp_path, 4)
    mask = root / "masks/train/0.png"
    Image.open(mask).save(mask.with_suffix(f".{suffix}"))
    mask.unlink()
    dataset = folder(root, "train")
    assert np.unique(dataset.read(dataset.samples[0])[1]).tolist() == [0, 1, 2, 3]


def _own(tmp_path, classes, name="0.png"):
    """A dataset of a frame in a split; its masks hold every index."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), "uint8")).save(
            tmp_path / "images" / split / name
        )
        # Neighbours lie far apart, as a ramp would count as blurred.
        order = [n // 2 if n % 2 else classes - 1 - n // 2 for n in range(classes)]
        values = np.repeat(np.array(order, "uint8"), 48 * 64 // classes)
        Image.fromarray(values.reshape(48, 64)).save(tmp_path / "masks" / split / "0.png")
    table = "".join(f'[[class]]\nname = "c{n}"\n' for n in range(classes))
    (tmp_path / "classes.toml").write_text(table)
    return tmp_path


@pytest.mark.parametrize("bits", [1, 2, 4, 16])
def test_check_reads_them_too(tmp_path, bits):
    root = _own(tmp_path, min(2**bits, 16))
    for path in root.glob("masks/*/0.png"):
        write_png(path, np.asarray(Image.open(path)), bits)
    report = check("folder", root)
    assert not report.problems
    assert report.shares["train"] == pytest.approx(report.shares["val"])


# Images: any suffix, EXIF, end markers.


@pytest.mark.parametrize("suffix", ["avif", "jfif", "JPE", "gif", "jp2", "ppm", "mpo", "webp"])
def test_images_of_every_suffix_are_found(tmp_path, suffix):
    root = _own(tmp_path, 4)
    image = root / "images/train/0.png"
    format = {"jfif": "JPEG", "JPE": "JPEG", "mpo": "JPEG"}.get(suffix)
    Image.open(image).save(image.with_suffix(f".{suffix}"), format)
    image.unlink()
    assert not check("folder", root).errors
    (sample,) = folder(root, "train").samples
    assert sample.image.suffix == f".{suffix}"


def test_heic_is_an_error_and_video_is_counted(tmp_path, caplog):
    root = _own(tmp_path, 4)
    for name in ("a.mov", "b.MOV", "c.txt"):
        (root / "images/train" / name).touch()
    folder(root, "train")
    assert "left out, as no image by its name: 2 .mov, 1 .txt" in caplog.text
    (note,) = check("folder", root).problems
    assert note.kind == "left out"
    assert "2 .mov, 1 .txt" in note.message
    image = root / "images/train/0.png"
    image.with_suffix(".heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    image.unlink()
    (error,) = check("folder", root).errors
    assert "0.heic" in error.message
    assert "Convert it to JPEG" in error.message


def _turned(root, turn, size=None):
    exif = Image.Exif()
    exif[0x0112] = turn
    for path in root.glob("images/*/0.png"):
        image = Image.open(path)
        image.resize(size or image.size).save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()


@pytest.mark.parametrize("turn", [5, 6, 7, 8])
def test_a_label_drawn_on_an_image_that_is_turned_by_90_degrees(tmp_path, turn):
    root = _own(tmp_path, 4)
    _turned(root, turn)
    report = check("folder", root)
    assert [error.kind for error in report.errors] == ["size", "size"]
    assert all(f"EXIF orientation {turn}" in error.message for error in report.errors)
    assert [note.kind for note in report.notes if note.kind == "turned"] == ["turned"] * 2


@pytest.mark.parametrize(("turn", "size"), [(2, None), (3, None), (4, None), (6, (56, 56))])
def test_an_image_that_is_turned_is_noted_where_sizes_do_not_tell(tmp_path, turn, size):
    root = _own(tmp_path, 4)
    _turned(root, turn, size)
    if size is not None:
        for path in root.glob("masks/*/0.png"):
            Image.open(path).resize(size).save(path)
    report = check("folder", root)
    assert not report.errors
    turned = [note.message for note in report.notes if note.kind == "turned"]
    assert len(turned) == 2
    assert all("EXIF" in message and "0.jpg" in message for message in turned)


def test_training_and_evaluation_say_exif(tmp_path):
    from scmnet_zoo.data.frames import check_shapes, read_frame

    root = _own(tmp_path, 4)
    _turned(root, 6)
    dataset = folder(root, "train")
    with pytest.raises(ValueError, match=r"0\.png: .*shown turned \(EXIF orientation 6\)"):
        read_frame(dataset, dataset.samples[0], (48, 64))
    with pytest.raises(ValueError, match="EXIF"):
        check_shapes(dataset.samples[0], *dataset.read(dataset.samples[0]))


def test_a_jpeg_without_its_end_marker_is_noted(tmp_path):
    root = _own(tmp_path, 4)
    _turned(root, 1)
    for path in root.glob("images/*/0.jpg"):
        path.write_bytes(path.read_bytes()[:-2])
    report = check("folder", root)
    assert [problem.kind for problem in report.problems] == ["no end"] * 2
