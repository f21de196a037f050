"""Folders that do not stay for nothing."""

import pytest

from scmnet_zoo.files import new_folder


def test_a_folder_with_its_parents(tmp_path):
    with new_folder(tmp_path / "a" / "b") as folder:
        assert folder.is_dir()
    assert folder == tmp_path / "a" / "b"
    with new_folder(folder):  # again
        assert folder.is_dir()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_after_an_error_only_what_was_there_stays(tmp_path, error):
    (tmp_path / "a").mkdir()
    with pytest.raises(error), new_folder(tmp_path / "a" / "b" / "c"):
        raise error
    assert [*tmp_path.rglob("*")] == [tmp_path / "a"]
    with pytest.raises(error), new_folder(tmp_path / "a"):
        raise error
    assert (tmp_path / "a").is_dir()


def test_after_an_error_what_is_not_empty_stays(tmp_path):
    kept = tmp_path / "a" / "kept"

    def fill():
        kept.touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"), new_folder(tmp_path / "a" / "b" / "c"):
        fill()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", kept]


def test_a_folder_that_cannot_be_made_leaves_no_parents(tmp_path):
    with pytest.raises(OSError, match="too long"), new_folder(tmp_path / "a" / ("x" * 300)):
        pass
    assert not list(tmp_path.iterdir())
