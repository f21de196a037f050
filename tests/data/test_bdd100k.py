import shutil

import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import BDD100K, CITYSCAPES, bdd100k


@pytest.fixture
def folder(tmp_path):
    return scenes.draw_bdd100k(tmp_path / "bdd100k")


def _check(dataset, split, first):
    """The frames of a split are those drawn from a number on."""
    assert (dataset.name, dataset.split, dataset.space) == ("bdd100k", split, BDD100K)
    assert len(dataset.samples) == scenes.STREET_COUNTS[split]
    for number, sample in enumerate(dataset.samples):
        assert sample.name == f"{split}{number:04d}-0a0b0c0d"
        assert sample.instances is None
        image, label = dataset.read(sample)
        drawn, labels, _ = scenes.street(first + number)
        np.testing.assert_array_equal(label, scenes.street_training_ids(labels))
        assert image.shape == drawn.shape
        assert np.abs(image.astype(int) - drawn).mean() < 4  # JPEG


@pytest.mark.parametrize("suffix", [".png", "_train_id.png"])
def test_the_drawn_frames(tmp_path, suffix):
    folder = scenes.draw_bdd100k(tmp_path / "bdd100k", suffix=suffix)
    _check(bdd100k(folder, "train"), "train", 0)
    _check(bdd100k(str(folder), "val"), "val", 4)


def test_the_first_release(tmp_path):
    folder = scenes.draw_bdd100k(tmp_path / "bdd100k", suffix="_train_id.png")
    (folder / "seg").mkdir()
    (folder / "images/10k").rename(folder / "seg/images")
    (folder / "labels/sem_seg/masks").rename(folder / "seg/labels")
    _check(bdd100k(folder, "val"), "val", 4)


def test_the_classes_are_those_of_cityscapes():
    assert BDD100K.classes == CITYSCAPES.classes
    assert BDD100K.ids == tuple(range(19))


def test_there_are_no_labels_of_the_test_split(folder):
    with pytest.raises(ValueError, match=r"\('train', 'val'\)\. Received: split='test'"):
        bdd100k(folder, "test")


def test_a_missing_label(folder):
    (folder / "labels/sem_seg/masks/train/train0002-0a0b0c0d.png").unlink()
    message = r"the label .*masks/train/train0002-0a0b0c0d\.png of .*train0002-0a0b0c0d\.jpg\. "
    with pytest.raises(ValueError, match=message):
        bdd100k(folder, "train")


def test_two_masks_of_a_frame(folder):
    masks = folder / "labels/sem_seg/masks/val"
    shutil.copy(masks / "val0000-0a0b0c0d.png", masks / "val0000-0a0b0c0d_train_id.png")
    with pytest.raises(ValueError, match=r"one file named val0000-0a0b0c0d in .*_train_id\.png"):
        bdd100k(folder, "val")


def test_no_images(folder):
    for path in list((folder / "images/10k/val").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match=r"\*\.jpg in .*images/10k/val\. Received: none"):
        bdd100k(folder, "val")


@pytest.mark.parametrize("given", ["images", "images/10k", "images/10k/train", ".."])
def test_the_wrong_folder(folder, given):
    message = r"Expected in .*: images/10k and labels/sem_seg/masks, or .*perhaps .* is meant"
    with pytest.raises(ValueError, match=message):
        bdd100k((folder / given).resolve(), "train")


def test_labels_that_were_not_unpacked(folder):
    shutil.rmtree(folder / "labels")
    with pytest.raises(ValueError, match=r"labels/sem_seg/masks.*Received: images$"):
        bdd100k(folder, "train")


def test_label_ids_are_refused(folder):
    dataset = bdd100k(folder, "train")
    sample = dataset.samples[0]
    Image.fromarray(scenes.street(0)[1]).save(sample.label)
    message = r"0\.\.18, 255\. Received: 19, 20, .* more; these look like labelIds of cityscapes$"
    with pytest.raises(ValueError, match=message):
        dataset.read(sample)


def test_the_colour_map_is_refused(folder):
    dataset = bdd100k(folder, "train")
    sample = dataset.samples[0]
    Image.fromarray(scenes.street(0)[0]).save(sample.label)
    with pytest.raises(ValueError, match=r"0a0b0c0d\.png: .*8-bit indices\. Received: .*RGB"):
        dataset.read(sample)
