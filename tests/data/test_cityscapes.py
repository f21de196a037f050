import logging
import os
import shutil

import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo import image_files
from scmnet_zoo.data import CITYSCAPES, cityscapes


@pytest.fixture
def folder(tmp_path):
    return scenes.draw_cityscapes(tmp_path / "cityscapes")


def test_frames_of_all_cities(folder):
    for split in ("train", "val", "test"):
        dataset = cityscapes(folder, split)
        assert (dataset.name, dataset.split, dataset.space) == ("cityscapes", split, CITYSCAPES)
        drawn = scenes.cityscapes_names(split, scenes.STREET_COUNTS[split])
        assert [sample.name for sample in dataset.samples] == sorted(drawn)


def test_pixels(folder):
    samples = {sample.name: sample for sample in cityscapes(str(folder), "train").samples}
    dataset = cityscapes(folder, "train")
    for number, name in enumerate(scenes.cityscapes_names("train", 4)):
        image, label = dataset.read(samples[name])
        drawn, labels, instances = scenes.street(number)
        np.testing.assert_array_equal(image, drawn)
        np.testing.assert_array_equal(label, scenes.street_training_ids(labels))
        assert (image.dtype, label.dtype) == (np.uint8, np.uint8)
        assert set(np.unique(label)) == {*range(19), 255}
        np.testing.assert_array_equal(np.asarray(Image.open(samples[name].instances)), instances)


def test_all_label_ids(folder):
    """Every id that Cityscapes defines, 0 to 33, is read; the table is that of the paper's site."""
    sample = cityscapes(folder, "val").samples[0]
    ids = np.arange(34, dtype=np.uint8)[None]
    Image.fromarray(ids).save(sample.label)
    _, label = cityscapes(folder, "val").read(sample)
    np.testing.assert_array_equal(label, scenes.street_training_ids(ids))
    assert (label != 255).sum() == 19


def test_the_test_split_is_void(folder):
    dataset = cityscapes(folder, "test")
    _, label = dataset.read(dataset.samples[0])
    assert (label == 255).all()


def test_prepared_training_ids(tmp_path):
    folder = scenes.draw_cityscapes(tmp_path / "prepared", labels="labelTrainIds")
    dataset = cityscapes(folder, "train")
    _, label = dataset.read(dataset.samples[0])
    np.testing.assert_array_equal(label, scenes.street_training_ids(scenes.street(0)[1]))


def test_label_ids_go_before_prepared_ones(folder):
    for path in list(folder.rglob("*_labelIds.png")):
        shutil.copy(path, str(path).replace("labelIds", "labelTrainIds"))  # wrong, if it is read
    dataset = cityscapes(folder, "train")
    _, label = dataset.read(dataset.samples[0])
    np.testing.assert_array_equal(label, scenes.street_training_ids(scenes.street(0)[1]))


def _renamed(folder, old, new):
    for path in list(folder.rglob(f"*_{old}.png")):
        path.rename(str(path).replace(old, new))
    return cityscapes(folder, "train")


def test_training_ids_named_label_ids(tmp_path):
    folder = scenes.draw_cityscapes(tmp_path / "mistaken", labels="labelTrainIds")
    dataset = _renamed(folder, "labelTrainIds", "labelIds")
    message = (
        r"aachen_000000_000019_gtFine_labelIds\.png: expected labelIds of cityscapes, 0\.\.33\. "
        r"Received: 255; these look like training ids, .* \*_gtFine_labelTrainIds\.png$"
    )
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


def test_label_ids_named_training_ids(folder):
    dataset = _renamed(folder, "labelIds", "labelTrainIds")
    message = r"labelTrainIds\.png: expected training ids of cityscapes, 0\.\.18, 255\. .*look like"
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


def test_no_instances(tmp_path):
    folder = scenes.draw_cityscapes(tmp_path / "plain", instances=False)
    assert [sample.instances for sample in cityscapes(folder, "train").samples] == [None] * 4


def test_some_instances_missing(folder):
    next(folder.glob("gtFine/val/lindau/*_instanceIds.png")).unlink()
    with pytest.raises(ValueError, match=r"gtFine/val/lindau/lindau_000001_.*_instanceIds\.png"):
        cityscapes(folder, "val")


def test_a_missing_label(folder):
    next(folder.glob("gtFine/train/bochum/*_000001_*_labelIds.png")).unlink()
    message = (
        r"Expected the label .*gtFine/train/bochum/bochum_000001_000019_gtFine_labelIds\.png of "
        r".*leftImg8bit/train/bochum/bochum_000001_000019_leftImg8bit\.png\. Received: no such file"
    )
    with pytest.raises(ValueError, match=message):
        cityscapes(folder, "train")


def test_no_labels(folder):
    for path in list(folder.rglob("*_labelIds.png")):
        path.unlink()
    with pytest.raises(ValueError, match=r"aachen_000000_000019_gtFine_labelIds\.png of"):
        cityscapes(folder, "train")


def test_a_missing_image_is_told(folder, caplog):
    next(folder.glob("leftImg8bit/train/bochum/*_000001_*")).unlink()
    with caplog.at_level(logging.WARNING):
        assert len(cityscapes(folder, "train").samples) == 3
    assert "1 labels have no image" in caplog.text
    assert "bochum_000001_000019_gtFine_labelIds.png" in caplog.text


def test_hidden_files_are_no_images(folder):
    (folder / "leftImg8bit/train/aachen/._aachen_1_1_leftImg8bit.png").write_bytes(b"macOS")
    (folder / "leftImg8bit/train/.DS_Store").write_bytes(b"macOS")
    assert len(cityscapes(folder, "train").samples) == 4


def test_no_images(folder):
    for path in list(folder.glob("leftImg8bit/val/*/*")):
        path.unlink()
    with pytest.raises(ValueError, match=r"\*_leftimg8bit\.png in .*val\. Received: none"):
        cityscapes(folder, "val")


def test_a_split_that_is_not_there(folder):
    shutil.rmtree(folder / "leftImg8bit/val")
    with pytest.raises(ValueError, match=r"the folder .*leftImg8bit/val\. Received: no such file"):
        cityscapes(folder, "val")
    with pytest.raises(ValueError, match=r"'train', 'val', 'test'.*Received: split='train_extra'"):
        cityscapes(folder, "train_extra")


@pytest.mark.parametrize("given", ["leftImg8bit", "leftImg8bit/train", "gtFine", ".."])
def test_the_wrong_folder(folder, given):
    message = (
        rf"Expected in .*: leftImg8bit and gtFine\. Received: .*perhaps {folder.resolve()} is meant"
    )
    with pytest.raises(ValueError, match=message):
        cityscapes((folder / given).resolve(), "train")


def test_a_relative_wrong_folder(folder, monkeypatch):
    monkeypatch.chdir(folder / "leftImg8bit")
    with pytest.raises(ValueError, match=r"Received: test, train, val; perhaps .* is meant"):
        cityscapes(".", "train")


def test_archives_unpacked_apart(folder):
    (folder / "gtFine_trainvaltest").mkdir()
    (folder / "gtFine").rename(folder / "gtFine_trainvaltest/gtFine")
    with pytest.raises(ValueError, match=r"Received: gtFine_trainvaltest, leftImg8bit$"):
        cityscapes(folder, "train")


def test_an_empty_folder_and_none(tmp_path):
    with pytest.raises(ValueError, match="Received: an empty folder"):
        cityscapes(tmp_path, "train")
    with pytest.raises(ValueError, match=r"the folder .*nowhere\. Received: no such file"):
        cityscapes(tmp_path / "nowhere", "train")


def test_a_folder_that_may_not_be_read(folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "bochum":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so chmod will not do
    with pytest.raises(
        ValueError, match=r"the folder .*train/bochum\. Received: permission denied"
    ):
        cityscapes(folder, "train")


def test_a_16_bit_image_is_scaled(folder):
    sample = cityscapes(folder, "train").samples[0]
    Image.fromarray(np.full(scenes.STREET_SIZE, 3000, np.uint16)).save(sample.image)
    image, _ = cityscapes(folder, "train").read(sample)
    assert np.unique(image).tolist() == [round(3000 / 257)]


def test_an_image_too_large_to_be_one_is_named(folder, monkeypatch):
    sample = cityscapes(folder, "train").samples[0]
    monkeypatch.setattr(image_files, "MAXIMUM_PIXELS", 100)
    with pytest.raises(ValueError, match=r"leftImg8bit\.png: expected an image of at most"):
        cityscapes(folder, "train").read(sample)
