"""In which order frames come, and that it does not matter where they are kept."""

import dataclasses
import tracemalloc

import keras
import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import CAMVID, VOID, camvid, loader
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.loader import (
    KEEPING,
    FromFiles,
    InMemory,
    OnDevice,
    Order,
    class_shares,
    endless,
    passes,
    reading,
    source_of,
)

SIZE = (36, 48)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return camvid(scenes.draw(tmp_path_factory.mktemp("loader") / "camvid"), "train")


@pytest.fixture(scope="module")
def sources(dataset):
    return {keep: source_of(dataset, SIZE, keep) for keep in KEEPING}


def _given(source, numbers):
    """Images and labels as the network gets them."""
    return [keras.ops.convert_to_numpy(x) for x in source.layer(source.get(numbers))]


# Which frames a step sees.


@pytest.mark.parametrize(("count", "batch_size"), [(6, 2), (6, 6), (7, 2), (11, 4), (5, 1)])
def test_a_pass_takes_each_frame_once(count, batch_size):
    order = Order(count, batch_size, seed=3)
    assert order.steps == count // batch_size
    for number in range(8):
        batches = [order.batch(number * order.steps + place) for place in range(order.steps)]
        assert {(batch.shape, batch.dtype) for batch in batches} == {
            ((batch_size,), np.dtype("int32"))
        }
        frames = np.concatenate(batches)
        assert len(set(frames.tolist())) == len(frames)
        assert set(frames.tolist()) <= set(range(count))


def test_other_frames_are_left_out_in_each_pass():
    order = Order(7, 3, seed=0)
    left = [
        (set(range(7)) - set(order.batch(2 * n).tolist()) - set(order.batch(2 * n + 1))).pop()
        for n in range(60)
    ]
    assert set(left) == set(range(7))


def test_fewer_frames_than_a_batch_holds_are_repeated():
    order = Order(3, 8, seed=0)
    assert order.steps == 1
    for step in range(5):
        counts = np.bincount(order.batch(step), minlength=3)
        assert counts.sum() == 8
        assert counts.min() >= 2
        assert counts.max() <= 3


def test_the_order_follows_the_seed():
    def frames(seed, steps):
        order = Order(12, 4, seed)
        return {step: order.batch(step).tolist() for step in steps}

    assert frames(0, range(9)) == frames(0, range(9))
    assert frames(0, range(9)) != frames(1, range(9))
    there = frames(0, range(9))
    assert there == {step: frames(0, [step])[step] for step in (7, 0, 8, 3, 1, 2, 6, 4, 5)}
    assert there == frames(0, reversed(range(9)))
    assert [there[step] for step in (0, 1, 2)] != [there[step] for step in (3, 4, 5)]


# Where they are kept.


def test_all_sources_give_the_same_batches(sources, dataset):
    numbers = np.array([4, 0, 0, 5], np.int32)
    frames = Frames(dataset, SIZE)
    for keep, source in sources.items():
        images, labels = _given(source, numbers)
        assert (images.dtype, labels.dtype) == (np.uint8, np.uint8), keep
        np.testing.assert_array_equal(images, frames.images[numbers], err_msg=keep)
        np.testing.assert_array_equal(labels, frames.labels[numbers], err_msg=keep)
        assert source.dataset is dataset


@pytest.mark.parametrize("keep", KEEPING)
def test_a_number_below_0_is_a_frame_of_void(sources, keep):
    numbers = np.array([2, -1, -1], np.int32)
    images, labels = _given(sources[keep], numbers)
    assert images.shape == (3, *SIZE, 3)
    assert (labels[1:] == VOID).all()
    expected = _given(sources["memory"], np.array([2], np.int32))
    np.testing.assert_array_equal(labels[:1], expected[1])
    again = _given(sources[keep], np.array([5], np.int32))[1]
    assert (again != VOID).any()  # what is kept has not become void


@pytest.mark.parametrize("batch_size", [1, 2, 4, 6, 9])
def test_a_pass_for_validation(sources, batch_size):
    """From the last frame to the first, filled up with void at its begin."""
    batches = list(passes(sources["device"], batch_size))
    assert all(type(batch) is tuple and len(batch) == 1 for batch in batches)
    assert {len(batch[0]) for batch in batches} == {batch_size}
    numbers = np.concatenate([batch[0] for batch in batches])
    missing = -6 % batch_size
    assert numbers.tolist() == [-1] * missing + [5, 4, 3, 2, 1, 0]


def test_class_shares(sources, dataset):
    frames = Frames(dataset, SIZE)
    valid = frames.labels[frames.labels != VOID]
    expected = [(valid == index).mean() for index in range(len(CAMVID.labels))]
    for keep, source in sources.items():
        shares = class_shares(source, SIZE)
        assert shares == pytest.approx(expected), keep
        assert shares.sum() == pytest.approx(1)


def test_class_shares_take_no_memory_to_speak_of(dataset):
    """`bincount` makes eight bytes of each pixel."""
    many = dataclasses.replace(dataset, samples=dataset.samples * 20)
    source = source_of(many, SIZE, "memory")
    tracemalloc.start()
    class_shares(source, SIZE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < source.frames.labels.nbytes


@pytest.mark.parametrize("keep", KEEPING)
def test_class_shares_of_void(dataset, keep):
    def void(sample):
        image, label = dataset.read(sample)
        return image, np.full_like(label, VOID)

    source = source_of(dataclasses.replace(dataset, read=void), SIZE, keep)
    with pytest.raises(ValueError, match="labels of camvid train that are not all void"):
        class_shares(source, SIZE)


def test_where_frames_are_kept_unasked(dataset, monkeypatch):
    needed = 4 * SIZE[0] * SIZE[1] * len(dataset.samples)
    assert isinstance(source_of(dataset, SIZE), OnDevice)
    monkeypatch.setattr(loader, "DEVICE_BYTES", needed)
    assert isinstance(source_of(dataset, SIZE), OnDevice)
    monkeypatch.setattr(loader, "DEVICE_BYTES", needed - 1)
    assert isinstance(source_of(dataset, SIZE), InMemory)
    monkeypatch.setattr(loader, "MEMORY_SHARE", 0.0)
    assert isinstance(source_of(dataset, SIZE), FromFiles)


def test_other_frames_want_room_too(dataset, monkeypatch):
    """What a half of the room holds twice is not held three times."""
    needed = 4 * SIZE[0] * SIZE[1] * len(dataset.samples)
    monkeypatch.setattr(loader, "DEVICE_BYTES", 2 * needed)
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 2 * needed}
    monkeypatch.setattr(loader.os, "sysconf", pages.__getitem__)
    kept = []
    for kind in (OnDevice, OnDevice, InMemory, FromFiles, FromFiles):  # half the memory holds one
        kept.append(source_of(dataset, SIZE, others=kept))
        assert isinstance(kept[-1], kind)


@pytest.mark.parametrize("keep", ["disk", "", "Device"])
def test_an_unknown_place(dataset, keep):
    with pytest.raises(ValueError, match=rf"one of device, memory, files. Received: '{keep}'"):
        source_of(dataset, SIZE, keep)


# Batches without an end.


@pytest.mark.parametrize("first", [0, 4])
def test_batches_go_on_from_a_step(sources, first):
    order = Order(6, 4, seed=1)
    batches = endless(sources["device"], order, first)
    for step in range(first, first + 5):
        np.testing.assert_array_equal(next(batches)[0], order.batch(step))
    batches.close()


def test_errors_leave_as_they_were_raised():
    def broken():
        yield 1
        raise ValueError("frame 7")

    def hiding(batches):
        try:
            list(batches)
        except ValueError as error:
            raise RuntimeError("something else") from error

    with pytest.raises(ValueError, match=r"^frame 7$"), reading(broken()) as batches:
        hiding(batches)
    with pytest.raises(RuntimeError, match="of the model"), reading(iter([1])):
        raise RuntimeError("of the model")


# What cannot be read.


@pytest.fixture
def spoilt(tmp_path):
    """A dataset to spoil."""
    return camvid(scenes.draw(tmp_path / "camvid"), "train")


def _first_batch(dataset, keep):
    source = source_of(dataset, SIZE, keep, workers=2)
    return next(endless(source, Order(6, 6, 0), 0))


@pytest.mark.parametrize("keep", KEEPING)
def test_a_label_of_another_shape(spoilt, keep):
    path = spoilt.samples[3].label
    Image.fromarray(np.zeros((72, 80), np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"train_003\.png: expected a label of .*Received: 72x80"):
        _first_batch(spoilt, keep)
    Image.fromarray(np.zeros((144, 192), np.uint8)).save(path)
    _first_batch(spoilt, keep)


@pytest.mark.parametrize("keep", KEEPING)
def test_an_unknown_id(spoilt, keep):
    Image.fromarray(np.full(scenes.SIZE, 77, np.uint8)).save(spoilt.samples[4].label)
    with pytest.raises(ValueError, match=r"train_004\.png.*Received: 77$"):
        _first_batch(spoilt, keep)


@pytest.mark.parametrize("keep", KEEPING)
def test_a_truncated_image(spoilt, keep):
    path = spoilt.samples[2].image
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"train_002\.webp: expected an image"):
        _first_batch(spoilt, keep)


@pytest.mark.parametrize("keep", KEEPING)
def test_a_missing_mask(spoilt, keep):
    spoilt.samples[1].label.unlink()
    with pytest.raises(ValueError, match=r"train_001\.png: .*no such file"):
        _first_batch(spoilt, keep)
