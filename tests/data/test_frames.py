import dataclasses

import keras
import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import CAMVID, camvid
from scmnet_zoo.data.frames import DeviceFrames, Frames


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


def test_class_shares(frames):
    shares = frames.class_shares()
    valid = frames.labels[frames.labels != 255]
    assert shares.sum() == pytest.approx(1)
    for index in range(len(CAMVID.labels)):
        assert shares[index] == pytest.approx((valid == index).mean())


@pytest.mark.parametrize("batch_size", [1, 2, 4, 6, 10])
def test_every_frame_comes_once_before_any_comes_again(frames, batch_size):
    order = frames.order(batch_size, seed=3)
    batches = [next(order) for _ in range(30)]
    assert {batch.shape for batch in batches} == {(batch_size,)}
    assert {batch.dtype for batch in batches} == {np.dtype("int32")}
    numbers = np.concatenate(batches)
    for start in range(0, len(numbers) - 5, 6):
        assert sorted(numbers[start : start + 6]) == list(range(6))


def test_the_order_follows_the_seed(frames):
    def first(seed):
        order = frames.order(4, seed)
        return np.concatenate([next(order) for _ in range(9)]).tolist()

    assert first(0) == first(0)
    assert first(0) != first(1)
    rounds = np.reshape(first(0), (6, 6)).tolist()
    assert rounds[0] != rounds[1]


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
