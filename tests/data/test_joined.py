"""Several splits as one dataset."""

import numpy as np
import pytest
import scenes

from scmnet_zoo.data import camvid, open_dataset
from scmnet_zoo.data.dataset import joined
from scmnet_zoo.data.pack import write_pack

SIZE = (36, 48)


@pytest.fixture(params=["files", "pack"])
def data(request, tmp_path):
    folder = scenes.draw(tmp_path / "camvid", {"train": 3, "val": 2}, SIZE)
    if request.param == "files":
        return folder
    path = tmp_path / "camvid.h5"
    write_pack([camvid(folder, split) for split in ("train", "val")], SIZE, path)
    return path


def test_frames_of_both_in_their_order(data):
    parts = [open_dataset("camvid", data, split) for split in ("val", "train")]
    whole = joined(parts)
    assert (whole.name, whole.split, whole.space) == ("camvid", "val+train", parts[0].space)
    assert whole.samples == parts[0].samples + parts[1].samples
    for part in parts:
        for sample in part.samples:
            for one, other in zip(whole.read(sample), part.read(sample), strict=True):
                np.testing.assert_array_equal(one, other)


def test_one_is_itself(data):
    part = open_dataset("camvid", data, "train")
    assert joined([part]) is part
