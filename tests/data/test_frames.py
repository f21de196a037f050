import dataclasses

import keras
import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import camvid
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.loader import DeviceFrames


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return camvid(scenes.draw(tmp_path_factory.mktemp("frames") / "camvid"), "train")


@pytest.fixture(scope="module")
def frames(dataset):
    return Frames(dataset, scenes.SIZE)


def test_all_have_the_size_asked_for(dataset):
    frames = Frames(dataset, (40, 64))
    assert frames.images.shape == (6, 40, 64, 3)
    assert frames.labels.shape == (6, 40, 64)
    assert (frames.images.dtype, frames.labels.dtype) == (np.uint8, np.uint8)


def test_frames_of_the_right_size_are_left_alone(frames):
    image, label = scenes.scene(0)
    np.testing.assert_array_equal(frames.images[0], image)
    np.testing.assert_array_equal(frames.labels[0], label)


def test_resized_frames_show_the_same(frames):
    """Frame 1 is enlarged from half its size, of which the label of frame 2 is too."""
    image, _ = scenes.scene(1)
    difference = np.abs(frames.images[1].astype(float) - image)
    assert difference.mean() < 12
    _, label = scenes.scene(2)
    assert (frames.labels[2] == label).mean() > 0.9


@pytest.mark.parametrize("size", [(36, 48), (31, 53), (100, 200)])
def test_resized_labels_hold_no_new_ids(dataset, size):
    assert set(np.unique(Frames(dataset, size).labels)) <= {*range(11), 255}


def test_device_frames_are_the_frames(frames):
    source = DeviceFrames(frames)
    numbers = np.array([4, 0, 0, 5], np.int32)
    images, labels = (keras.ops.convert_to_numpy(x) for x in source(numbers))
    assert (images.dtype, labels.dtype) == (np.uint8, np.uint8)
    np.testing.assert_array_equal(images, frames.images[numbers])
    np.testing.assert_array_equal(labels, frames.labels[numbers])
    assert source.trainable_variables == []


def test_a_bad_file_among_many_is_named(tmp_path):
    dataset = camvid(scenes.draw(tmp_path / "camvid"), "train")
    label = np.full(scenes.SIZE, 77, np.uint8)
    Image.fromarray(label).save(dataset.samples[4].label)
    with pytest.raises(ValueError, match=r"train_004\.png.*Received: 77$"):
        Frames(dataset, scenes.SIZE)
    Frames(dataclasses.replace(dataset, samples=dataset.samples[:4]), scenes.SIZE)
