"""Which dataset a folder or a pack holds, where nobody says."""

import pytest
import scenes

from scmnet_zoo.data import dataset_of, open_dataset, write_pack


def test_a_table_of_classes_makes_it_a_folder(tmp_path):
    assert dataset_of(tmp_path) == "camvid"
    (tmp_path / "classes.toml").write_text("")
    assert dataset_of(tmp_path) == "folder"
    assert dataset_of(str(tmp_path)) == "folder"


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "folder", "nonsense"])
def test_what_is_said_stays(tmp_path, name):
    (tmp_path / "classes.toml").write_text("")
    assert dataset_of(tmp_path, name) == name


def test_what_is_not_there_is_left_to_the_reader(tmp_path):
    assert dataset_of(tmp_path / "nowhere") == "camvid"
    (tmp_path / "classes.toml").mkdir()
    assert dataset_of(tmp_path) == "camvid"


def test_a_pack_says_its_own(tmp_path):
    data = scenes.draw(tmp_path / "camvid", {"train": 1, "val": 1}, (48, 64))
    write_pack([open_dataset("camvid", data, "val")], (48, 64), tmp_path / "a.h5")
    assert dataset_of(tmp_path / "a.h5") == "camvid"
    (tmp_path / "b.h5").write_bytes(b"no pack")
    with pytest.raises(ValueError, match=r"b\.h5"):
        dataset_of(tmp_path / "b.h5")
