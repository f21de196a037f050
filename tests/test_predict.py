"""A photograph in, its classes out."""

import dataclasses
import errno
import itertools
import json
import os

import keras
import numpy as np
import pytest
from photo_tools import TRAINING_SIZE, checkpoint_file, pixels, segmenter
from PIL import Image

import scmnet_zoo
from scmnet_zoo import Segmenter, deploy, predict, viz
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.predict import network_size
from scmnet_zoo.weights.checkpoint import read_checkpoint, write_tensors


@pytest.mark.parametrize("size", [(97, 131), (33, 400), (1, 1), (700, 900)])
def test_the_mask_has_the_photographs_own_size(size):
    result = segmenter()(pixels(*size))
    assert result.mask.shape == size
    assert result.mask.dtype == np.uint8
    assert result.overlay(legend=False).size == size[::-1]
    assert result.index_mask().size == size[::-1]


def test_the_colours_are_those_of_the_weights(tmp_path):
    """In the result, its files, and what an exported file says of itself."""
    palette = tuple((place, 200 - place, 7) for place in range(11))
    stored = read_checkpoint(checkpoint_file(), "scmnet")
    metadata = dataclasses.replace(stored.metadata, palette=palette)
    write_tensors(tmp_path / "own.safetensors", stored.tensors, metadata)
    own = Segmenter("scmnet", tmp_path / "own.safetensors")
    assert own.palette == palette
    assert segmenter().palette == CAMVID.palette
    assert deploy.describe("scmnet", tmp_path / "own.safetensors").palette == palette
    assert deploy.describe("scmnet", checkpoint_file()).palette == CAMVID.palette

    own.model = segmenter().model  # whose graph is there already
    result = own(pixels(*TRAINING_SIZE))
    assert result.palette == palette
    _, mask = result.save(tmp_path)
    shown = np.asarray(Image.open(mask).convert("RGB"))
    np.testing.assert_array_equal(shown, np.array(palette, np.uint8)[result.mask])
    np.testing.assert_array_equal(shown, np.asarray(result.overlay(1.0, legend=False)))
    text = json.loads(Image.open(mask).info["scmnet_zoo"])
    assert text == {"classes": list(CAMVID.classes), "palette": [*map(list, palette)]}


def test_at_the_training_size_the_mask_is_the_networks():
    photo = pixels(*TRAINING_SIZE)
    model = segmenter().model
    outputs = keras.ops.convert_to_numpy(model(photo[None].astype("float32"), training=False))
    result = segmenter()(photo)
    agree = (result.mask == outputs[0].argmax(-1)).mean()
    assert agree > 0.999  # the graph rounds otherwise than single calls
    assert len(np.unique(result.mask)) > 1
    assert result.seconds > 0


def test_the_mask_turns_with_the_photograph(tmp_path):
    """The mask of a picture stored on its side is that of the upright one."""
    photo = pixels(97, 131)
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.rot90(photo, -1)).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(
        segmenter()(tmp_path / "turned.png").mask, segmenter()(photo).mask
    )


def test_path_pillow_image_and_array_are_the_same(tmp_path):
    photo = pixels(97, 131)
    Image.fromarray(photo).save(tmp_path / "street.png")
    expected = segmenter()(photo)
    for given in (tmp_path / "street.png", str(tmp_path / "street.png"), Image.fromarray(photo)):
        result = segmenter()(given)
        np.testing.assert_array_equal(result.mask, expected.mask)
        np.testing.assert_array_equal(result.photo, photo)


def test_shares_are_those_of_the_mask_in_descending_order():
    result = segmenter()(pixels(97, 131))
    assert set(result.shares) == set(CAMVID.classes)
    assert list(result.shares.values()) == sorted(result.shares.values(), reverse=True)
    assert sum(result.shares.values()) == pytest.approx(1)
    for index, name in enumerate(result.classes):
        assert result.shares[name] == pytest.approx((result.mask == index).mean())


def _bilinear(maps, height, width):
    """By the book: half-pixel centres, edges repeated."""
    for axis, length in ((0, height), (1, width)):
        at = (np.arange(length) + 0.5) * maps.shape[axis] / length - 0.5
        at = at.clip(0, maps.shape[axis] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, maps.shape[axis] - 1)
        shape = [1, 1, 1]
        shape[axis] = length
        part = (at - low).reshape(shape)
        maps = maps.take(low, axis) * (1 - part) + maps.take(high, axis) * part
    return maps


@pytest.mark.parametrize("strip_pixels", [1, 500, 10**9])
def test_probabilities_are_upsampled_bilinearly_in_strips(monkeypatch, strip_pixels):
    monkeypatch.setattr(predict, "STRIP_PIXELS", strip_pixels)
    maps = np.random.default_rng(0).dirichlet(np.ones(5), (12, 17)).astype("float32")
    mask, counts = predict._decide(maps, 61, 90)
    assert (mask == _bilinear(maps, 61, 90).argmax(-1)).mean() > 0.999
    np.testing.assert_array_equal(counts, np.bincount(mask.ravel(), minlength=5))


@pytest.mark.parametrize(
    ("photo", "training", "expected"),
    [
        ((360, 480), (720, 960), (720, 960)),  # CamVid's own pictures
        ((720, 960), (720, 960), (720, 960)),
        ((1080, 1440), (720, 960), (720, 960)),
        ((720, 1280), (720, 960), (624, 1104)),
        ((1280, 720), (720, 960), (1104, 624)),
        ((714, 960), (720, 960), (720, 960)),  # of its ratio to a percent
        ((961, 1281), (721, 961), (721, 961)),  # as in training, odd as it is
        ((960, 960), (720, 960), (816, 816)),
        ((400, 1600), (720, 960), (400, 1600)),
        ((90, 160), (64, 96), (58, 104)),  # of small sides to less than 16
        ((160, 90), (64, 96), (104, 58)),
        ((1, 100_000), (720, 960), (32, 21600)),
        ((100_000, 1), (720, 960), (21600, 32)),
        ((720, 1280), None, (720, 1280)),
        ((4000, 8000), None, (1024, 2048)),
    ],
)
def test_the_size_the_network_sees(photo, training, expected):
    seen = network_size(*photo, training)
    assert seen == expected
    assert seen[0] * seen[1] <= np.prod(training or (1024, 2048))


def test_the_ratio_is_kept_to_the_rounding_of_the_sides():
    sides = (90, 101, 160, 357, 405, 720, 1080, 1242, 1920, 4001)
    for height, width in itertools.product(sides, sides):
        for training in ((720, 960), (480, 640), (64, 96), (1024, 2048), None):
            if max(height, width) < 4 * min(height, width):
                seen = network_size(height, width, training)
                assert seen[0] / seen[1] == pytest.approx(height / width, rel=0.05)


def test_a_size_given_is_the_size_seen(monkeypatch):
    segment = Segmenter("scmnet", weights=checkpoint_file(), size=(64, 96))
    seen = []

    def predict_on_batch(batch):
        seen.append(batch.shape)
        return np.full((1, *batch.shape[1:3], 11), 1 / 11, "float32")

    monkeypatch.setattr(segment.model, "predict_on_batch", predict_on_batch)
    assert segment(pixels(50, 50)).mask.shape == (50, 50)
    assert set(seen) == {(1, 64, 96, 3)}


def test_photographs_that_a_size_squashes_are_warned_of_once(caplog):
    own = Segmenter("scmnet", weights=checkpoint_file(), size=(64, 96))
    own.model = segmenter().model  # whose graph is there already
    own(pixels(64, 96))
    own(pixels(128, 191))
    assert "squashed" not in caplog.text
    own(pixels(96, 64))
    own(pixels(96, 64))
    assert caplog.text.count("another aspect ratio than 64x96, such as one of 96x64") == 1


def test_the_photograph_is_shrunk_with_antialiasing():
    """Single black and white pixels become grey, not a pattern."""
    board = np.indices((960, 1280)).sum(0) % 2 * 255
    board = np.repeat(board[..., None], 3, axis=2).astype("uint8")
    small = predict._resized(board, (96, 128))
    assert np.abs(small.astype(int) - 127).max() < 6


def test_the_callers_array_may_be_used_again():
    """As by a camera that writes each frame into one buffer."""
    buffer = pixels(97, 131)
    before = buffer.copy()
    result = segmenter()(buffer)
    buffer[:] = 0
    np.testing.assert_array_equal(result.photo, before)


def test_one_shot(tmp_path):
    Image.fromarray(pixels(97, 131)).save(tmp_path / "street.png")
    result = scmnet_zoo.segment(tmp_path / "street.png", weights=checkpoint_file())
    assert isinstance(result, scmnet_zoo.Result)
    np.testing.assert_array_equal(result.mask, segmenter()(pixels(97, 131)).mask)


def test_the_index_mask_is_a_palette_image(tmp_path):
    result = segmenter()(pixels(97, 131))
    _, path = result.save(tmp_path, "street")
    image = Image.open(path)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), result.mask)
    expected = np.array(CAMVID.palette)[result.mask]
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected)


@pytest.mark.parametrize("strip_pixels", [1, 10**9])
def test_the_overlay_blends(monkeypatch, strip_pixels):
    monkeypatch.setattr(viz, "STRIP_PIXELS", strip_pixels)
    result = segmenter()(pixels(97, 131))
    colours = np.array(result.palette)[result.mask]
    for opacity in (0.0, 0.25, 0.5, 1.0):
        overlay = np.asarray(result.overlay(opacity, legend=False)).astype(int)
        expected = (1 - opacity) * result.photo + opacity * colours
        assert np.abs(overlay - expected).max() <= 0.5
    with pytest.raises(ValueError, match="Expected opacity to be from 0 to 1"):
        result.overlay(1.5)


@pytest.mark.parametrize("size", [(97, 131), (600, 40), (900, 1600)])
def test_the_legend_hides_nothing_and_shows_every_class_seen(size):
    result = segmenter()(pixels(*size))
    height, width = size
    overlay = np.asarray(result.overlay())
    bare = np.asarray(result.overlay(legend=False))
    np.testing.assert_array_equal(overlay[:height, :width], bare)
    legend = {tuple(colour) for colour in overlay[height:].reshape(-1, 3).tolist()}
    for colour, name in zip(result.palette, result.classes, strict=True):
        assert (colour in legend) == (result.shares[name] >= viz.LEAST_SHARE), name
    edges = np.concatenate([overlay[height:, -1], overlay[-1]])
    assert (edges == 255).all()  # no text runs out of the picture


def test_save_makes_the_folder_and_names_by_the_photograph(tmp_path):
    Image.fromarray(pixels(97, 131)).save(tmp_path / "street.png")
    result = segmenter()(tmp_path / "street.png")
    paths = result.save(tmp_path / "a" / "b")
    assert [path.name for path in paths] == ["street_overlay.png", "street_mask.png"]
    assert sorted((tmp_path / "a" / "b").iterdir()) == sorted(paths)


def _full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("broken", ["write", "rename"])
def test_nothing_is_half_written_when_writing_fails(tmp_path, monkeypatch, broken):
    result = segmenter()(pixels(97, 131))
    result.save(tmp_path, "old")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        if broken == "rename":
            patch.setattr(os, "replace", _full)
        else:

            def save(image, path, *_args, **_kwargs):
                path.write_bytes(b"half a picture")
                _full()

            patch.setattr(Image.Image, "save", save)
        for stem in ("old", "new"):
            with pytest.raises(OSError, match=r"_(overlay|mask)\.png: cannot be written: No space"):
                result.save(tmp_path, stem)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_save_to_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    result = segmenter()(pixels(97, 131))
    with pytest.raises(NotADirectoryError, match="expected a folder for results"):
        result.save(tmp_path / "file")
    with pytest.raises(OSError, match="cannot be made"):
        result.save(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("photo", "received"),
    [
        (np.zeros((40, 40, 3), "float32"), "float32 of shape"),
        (np.zeros((40, 40), "uint8"), r"uint8 of shape \(40, 40\)"),
        (np.zeros((40, 40, 4), "uint8"), r"uint8 of shape \(40, 40, 4\)"),
        (np.zeros((0, 40, 3), "uint8"), r"uint8 of shape \(0, 40, 3\)"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_photograph(photo, received):
    with pytest.raises(ValueError, match=f"Expected a photo to be .* Received: {received}"):
        segmenter()(photo)


MENDS = {
    "0..1": (np.linspace(0, 1, 4800), "float32", r"0 to 1; of 0\.\.1 make \(photo \* 255\)\.round"),
    "half": (np.linspace(0, 0.5, 4800), "float64", r"0 to 0\.5; of 0\.\.1 make \(photo \* 255\)"),
    "16 bits": (np.linspace(0, 1, 4800), "float16", r"of 0\.\.1 make \(photo \* 255\)"),
    "0..255": (np.linspace(0, 255, 4800), "float32", r"0 to 255; of 0\.\.255 make photo\.round"),
    "normalised": (np.linspace(-2, 2, 4800), "float32", "-2 to 2; give it as it was before"),
    "nan": (np.full(4800, np.nan), "float32", "nan to nan; give it as it was before"),
    "integers": (np.linspace(0, 255, 4800), "int32", r"int32 of shape \(40, 40, 3\)$"),
}


@pytest.mark.parametrize("case", MENDS)
def test_floats_are_refused_with_the_mend(case):
    values, kind, message = MENDS[case]
    with pytest.raises(ValueError, match=message):
        segmenter()(values.reshape(40, 40, 3).astype(kind))


@pytest.mark.parametrize(("highest", "warned"), [(0, False), (1, True), (2, False)])
def test_bytes_of_zero_and_one_are_warned_of(caplog, highest, warned):
    photo = np.zeros((40, 40, 3), "uint8")
    photo[:20] = highest
    segmenter()(photo)
    assert ("0 and 1 alone, where 255 is white" in caplog.text) == warned


def test_an_unknown_network():
    with pytest.raises(ValueError, match=r"Expected network to be one of scmnet, .*segnet"):
        Segmenter("segnet")


def test_unknown_weights():
    with pytest.raises(ValueError, match=r"Received: weights='nonsense'"):
        Segmenter("scmnet", weights="nonsense")


def test_weights_that_do_not_name_their_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = "untold.weights.h5"
    segmenter().model.save_weights(tmp_path / weights)
    with pytest.raises(ValueError, match="Expected weights that name their classes"):
        Segmenter("scmnet", weights=weights)


def test_weights_of_another_network():
    with pytest.raises(ValueError, match="Expected weights of the network 'fastscnn'"):
        Segmenter("fastscnn", weights=checkpoint_file())


@pytest.mark.parametrize("size", [np.array([64, 96]), (np.int64(64), 96), [64, 96]])
def test_sizes_of_numpy(size):
    segment = Segmenter("scmnet", weights=checkpoint_file(), size=size)
    assert segment.size == (64, 96)
    assert type(segment.size[0]) is int


@pytest.mark.parametrize("size", [(31, 64), (64, 10**20), (64,), 64, (64.0, 64.0), "64x64"])
def test_a_wrong_size(size):
    with pytest.raises(ValueError, match=r"Expected size to be \(height, width\)"):
        Segmenter("scmnet", weights=checkpoint_file(), size=size)
