"""Training on frames of another aspect ratio than the recipe's size: padded, and said."""

import dataclasses
import json
import logging
import math

import keras
import numpy as np
import pytest
import scenes
from PIL import Image
from training_tools import RECIPE, changed, long_on_jax, metrics

from scmnet_zoo.data import VOID, camvid, folder, open_dataset, write_pack
from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.frames import Frames, frame_sizes
from scmnet_zoo.data.ratio import place
from scmnet_zoo.images import read_image
from scmnet_zoo.training import train
from scmnet_zoo.training.run_folder import frames_hash

PORTRAIT = (96, 54)


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """A folder of one's own whose frames are of 9:16, but for one of the recipe's 4:3."""
    root = scenes.draw_folder(tmp_path_factory.mktemp("portraits") / "own", size=PORTRAIT)
    sample = folder(root, "train").samples[0]
    for path in (sample.image, sample.label):
        image = Image.open(path)
        image.resize((96, 72), Image.Resampling.NEAREST).save(path)
    return root


def _warnings(caplog):
    return [one.getMessage() for one in caplog.records if "aspect ratio" in one.getMessage()]


@long_on_jax
def test_a_run_pads_and_says_so(portraits, tmp_path, toys, undrawn, caplog):
    with caplog.at_level(logging.WARNING):
        train("toy", "folder", portraits, tmp_path / "run", changed(epochs=1))
    count = len(folder(portraits, "train").samples)
    first, second = _warnings(caplog)
    assert f"{count - 1} of {count} images of train are of another aspect ratio" in first
    assert "of 96x54: to keep their aspect ratio they are padded with void" in first
    assert "training size of 36x48, 58% of it; --size 56x32 is of their ratio" in first
    assert "images of val" in second
    (row,) = metrics(tmp_path / "run")
    assert math.isfinite(float(row["loss"]))
    assert math.isfinite(float(row["val_loss"]))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    for split in ("train", "val"):  # of runs begun when frames were squashed it is this
        before = frames_hash([folder(portraits, split)])
        assert facts["frames"][split] == frames_hash([folder(portraits, split)], True) != before
        facts["frames"][split] = before
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="whose frames is "):
        train("toy", "folder", portraits, tmp_path / "run", changed(epochs=1))


def test_frames_of_the_ratio_are_known_as_before(finished, folder):
    """So that a run begun before there was padding goes on."""
    facts = json.loads((finished / "run.json").read_text())
    assert facts["frames"] == {s: frames_hash([camvid(folder, s)]) for s in ("train", "val")}


def test_sizes_are_those_of_the_frames_as_they_are_read(portraits, tmp_path):
    dataset = folder(portraits, "train")
    sizes = [dataset.read(sample)[0].shape[:2] for sample in dataset.samples]
    assert frame_sizes(dataset) == sizes
    assert set(sizes) == {PORTRAIT, (72, 96)}
    write_pack([dataset], (36, 48), tmp_path / "pack.h5")
    packed = open_dataset("folder", tmp_path / "pack.h5", "train")
    assert frame_sizes(packed) == [place(size, (36, 48)).size for size in sizes]
    other = dataclasses.replace(dataset, read=lambda sample: dataset.read(sample))
    assert frame_sizes(other) == [None] * len(sizes)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_an_image_turned_by_its_tag_is_of_the_ratio_it_is_shown_in(tmp_path, suffix, turn):
    root = scenes.draw_folder(tmp_path / "own")
    dataset = folder(root, "val")
    path = dataset.samples[0].image.with_suffix(f".{suffix}")
    dataset.samples[0].image.unlink()
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    dataset = folder(root, "val")
    assert frame_sizes(dataset)[0] == ((30, 20) if turn > 4 else (20, 30))
    assert read_image(path).shape[:2] == frame_sizes(dataset)[0]


def test_of_damaged_files_no_size_is_known(tmp_path):
    """Reading the frame says what is wrong."""
    dataset = folder(scenes.draw_folder(tmp_path / "own"), "val")
    dataset.samples[0].image.write_bytes(b"no image")
    assert frame_sizes(dataset)[0] is None
    assert None not in frame_sizes(dataset)[1:]


def test_augmentation_leaves_padding_void(portraits):
    dataset = folder(portraits, "train")
    frames = Frames(dataset, RECIPE.size)
    whole = Augment(Augmentation(crop=RECIPE.size, flip=0.5))
    _, labels = whole(frames.images, frames.labels)
    void = (keras.ops.convert_to_numpy(labels) == VOID).sum((1, 2))
    np.testing.assert_array_equal(void, (frames.labels == VOID).sum((1, 2)))


def test_whatever_is_drawn_padding_becomes_no_class():
    """Frames of one class, of every ratio: nothing else but void beside it."""
    images = np.full((4, 36, 48, 3), 90, np.uint8)
    labels = np.full((4, 36, 48), VOID, np.uint8)
    for label, frame in zip(labels, [PORTRAIT, (50, 50), (10, 99), (72, 96)], strict=True):
        place(frame, (36, 48)).cut(label)[:] = 1
    names = ("a", "b")
    settings = Augmentation(
        (32, 32), (0.5, 2.0), 0.5, noise=4.0, blur=0.5, cut=0.5, mix=0.5, mix_classes=names
    )
    augment, shares = Augment(settings, 0, names), []
    for _ in range(4):
        found = keras.ops.convert_to_numpy(augment(images, labels)[1])
        assert set(np.unique(found)) <= {1, VOID}
        shares.append((found == 1).mean())
    assert 0.1 < np.mean(shares) < 0.9
