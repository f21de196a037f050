import numpy as np
import pytest

from lab.latency.pipeline import pipeline_time, write_frames
from scmnet_zoo.data import CITYSCAPES, VOID, cityscapes


def test_the_made_up_frames_are_cityscapes(tmp_path):
    write_frames(tmp_path, (64, 128), 3)
    dataset = cityscapes(tmp_path, "train")
    assert len(dataset.samples) == 3
    image, label = dataset.read(dataset.samples[0])
    assert (image.shape, label.shape) == ((64, 128, 3), (64, 128))
    assert image.std() > 20
    ids = set(np.unique(label).tolist())
    assert VOID in ids
    assert len(ids) > len(CITYSCAPES.labels) // 2
    others = dataset.read(dataset.samples[1])[0]
    assert np.abs(image.astype(int) - others).mean() > 10


def test_made_up_images_compress_like_cityscapes(tmp_path):
    """Cityscapes' 5,000 PNGs take 11 GB."""
    write_frames(tmp_path, (1024, 2048), 1)
    (image,) = tmp_path.glob("leftImg8bit/train/made/*.png")
    assert 1.8e6 < image.stat().st_size < 2.6e6


def test_times_add_up():
    time = pipeline_time((96, 192), (48, 96), frames=4, threads=2)
    assert list(time.stages) == [
        "decode image",
        "decode label",
        "ids to training ids",
        "resize image",
    ]
    assert all(seconds > 0 for seconds in time.stages.values())
    assert max(time.stages.values()) < 3 * time.seconds
    assert time.rate > 0
    assert time.threads == 2
    assert time.image_bytes > time.label_bytes > 0


@pytest.mark.parametrize("size", [(96, 192)])
def test_no_resizing_where_none_is_needed(size):
    assert "resize image" not in pipeline_time(size, size, frames=2).stages
