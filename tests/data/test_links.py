"""Links in the folders of a dataset."""

import os

import pytest
import scenes

from scmnet_zoo.data import folder
from scmnet_zoo.data.check import check
from scmnet_zoo.data.dataset import named_files
from scmnet_zoo.data.pairs import splits_of

LOOPS = {
    "to itself": ("images/train/loop", "loop"),
    "to its folder": ("images/train/loop", "."),
    "to the images": ("images/train/loop", ".."),
    "to the dataset": ("images/train/loop", "../.."),
    "to the folder above the dataset": ("images/train/loop", "../../.."),
    "of the masks": ("masks/train/loop", "../.."),
    "as a split": ("images/loop", ".."),
    "beside the images": ("loop", "."),
}


@pytest.mark.parametrize(("place", "target"), LOOPS.values(), ids=LOOPS)
def test_a_link_above_itself(tmp_path, place, target):
    root = scenes.draw_folder(tmp_path / "own")
    before = {split: folder(root, split).samples for split in splits_of("folder", root)}
    os.symlink(target, root / place)
    assert splits_of("folder", root) == tuple(before)
    assert {split: folder(root, split).samples for split in before} == before
    assert not check("folder", root).errors


def test_links_that_lead_to_each_other(tmp_path):
    root = scenes.draw_folder(tmp_path / "own")
    before = folder(root, "train").samples
    (root / "other").mkdir()
    os.symlink(root / "other", root / "images/train/there")
    os.symlink(root / "images/train", root / "other/back")
    assert folder(root, "train").samples == before
    assert not check("folder", root).errors


def test_a_link_to_itself_beside_what_is_no_dataset(tmp_path):
    os.symlink("itself.png", tmp_path / "itself.png")
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match=r"Received: data, itself\.png$"):
        check("camvid", tmp_path)


def test_it_is_said(tmp_path, caplog):
    root = scenes.draw_folder(tmp_path / "own")
    os.symlink(root.absolute(), root / "images/train/loop")
    folder(root, "train")
    assert "loop: passed over, a link to a folder above it" in caplog.text


def test_other_links_are_followed(tmp_path):
    """Data often lie on another disk."""
    root = scenes.draw_folder(tmp_path / "own")
    (root / "images/train").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "images/train")
    os.symlink(tmp_path / "elsewhere", tmp_path / "linked")
    names = [sample.name for sample in folder(root, "train").samples]
    assert list(named_files(tmp_path / "linked", (".png",))) == names
    assert len(names) == scenes.COUNTS["train"]
