"""Frames of another aspect ratio than the size they are brought to: padded, never squashed."""

import dataclasses
import itertools

import h5py
import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import VOID, Dataset, Sample, packed, write_pack
from scmnet_zoo.data.frames import Frames, read_frame
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.data.loader import source_of, tally_of
from scmnet_zoo.data.ratio import fit_image, has_ratio_of, other_ratios, place, size_of_ratio

SIZE = (60, 80)
# (height, width) of a frame: what of SIZE it takes up.
FITTED = {
    "its own": ((60, 80), (60, 80)),
    "twice": ((120, 160), (60, 80)),
    "half": ((30, 40), (60, 80)),
    "a pixel off": ((119, 160), (60, 80)),
    "odd": ((61, 81), (60, 80)),
    "portrait": ((160, 90), (60, 34)),
    "turned": ((80, 60), (60, 45)),
    "square": ((50, 50), (60, 60)),
    "16:9": ((90, 160), (45, 80)),
    "5:4": ((64, 80), (60, 75)),
    "panorama": ((40, 400), (8, 80)),
    "a line": ((1, 500), (1, 80)),
    "a column": ((997, 3), (60, 1)),
    "a pixel": ((1, 1), (60, 60)),
    "odd sides": ((101, 77), (60, 46)),
}


def _frame(size):
    """A disc on a ground, as image and label; how round it is shows whether a frame is squashed."""
    rows, columns = np.indices(size)
    middle, radius = np.array(size) / 2 - 0.5, 0.4 * min(size)
    disc = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2
    label = disc.astype(np.uint8)
    return (label[..., None] * np.array([200, 100, 50]) + 20).astype(np.uint8), label


def _dataset(*sizes):
    pairs = {str(number): _frame(size) for number, size in enumerate(sizes)}
    samples = tuple(Sample(name, f"{name}.png", f"{name}_label.png") for name in pairs)
    space = dataclasses.replace(CAMVID, labels=CAMVID.labels[:2])
    return Dataset("made up", "train", space, samples, lambda sample: pairs[sample.name])


def _extent(mask):
    """(height, width) of what is true."""
    return tuple(int(np.ptp(np.flatnonzero(mask.any(axis)))) + 1 for axis in (1, 0))


@pytest.mark.parametrize(("frame", "expected"), FITTED.values(), ids=FITTED)
def test_where_a_frame_lies(frame, expected):
    box = place(frame, SIZE)
    assert box.size == expected
    assert has_ratio_of(frame, SIZE) == (expected == SIZE)
    assert box.top == (SIZE[0] - box.height) // 2
    assert box.left == (SIZE[1] - box.width) // 2
    assert place(box.size, SIZE) == box  # as after a pack


def test_the_rounding_of_sides():
    """Of one pixel, or of one percent of a side."""
    assert has_ratio_of((480, 853), (720, 1280))
    assert has_ratio_of((370, 1226), (376, 1240))
    assert has_ratio_of((714, 960), (720, 960))
    assert not has_ratio_of((712, 960), (720, 960))
    assert has_ratio_of((720, 951), (720, 960))
    assert not has_ratio_of((720, 950), (720, 960))
    assert has_ratio_of((32, 63), (32, 64))
    assert not has_ratio_of((32, 62), (32, 64))


def test_a_frame_fitted_again_stays_where_it_is():
    """Whatever the sizes: training at a pack's size sees the pack's pixels."""
    sides = (1, 2, 31, 32, 33, 60, 79, 101, 357, 720)
    for frame in itertools.product(sides, sides):
        for size in ((32, 32), (60, 80), (101, 77), (480, 640)):
            box = place(frame, size)
            assert place(box.size, size) == box
            assert 0 <= box.top <= box.top + box.height <= size[0]
            assert 0 <= box.left <= box.left + box.width <= size[1]
            assert size[0] == box.height or size[1] == box.width


@pytest.mark.parametrize("frame", [(160, 90), (90, 160), (50, 50), (101, 77), (120, 160)])
def test_a_disc_stays_round(frame):
    image, label = read_frame(dataset := _dataset(frame), dataset.samples[0], SIZE)
    assert (image.shape, label.shape) == ((*SIZE, 3), SIZE)
    height, width = _extent(label == 1)
    assert abs(height - width) <= 2  # of about 27 to 48, by nearest neighbour
    box = place(frame, SIZE)
    assert height == pytest.approx(0.8 * min(box.size), abs=2)
    inside = np.zeros(SIZE, bool)
    box.cut(inside)[:] = True
    assert (label[~inside] == VOID).all()
    assert (label[inside] != VOID).all()
    np.testing.assert_array_equal(image[~inside], 20)  # the ground's colour goes on
    height, width = _extent(image[..., 0] > 120)
    assert abs(height - width) <= 2


def test_frames_of_the_ratio_are_read_as_they_always_were():
    """Pillow's own resizing of all of a frame, bit for bit."""
    for frame in [(120, 160), (30, 40), (119, 160)]:
        dataset = _dataset(frame)
        image, label = read_frame(dataset, dataset.samples[0], SIZE)
        own, own_label = _frame(frame)
        side = SIZE[::-1]
        expected = Image.fromarray(own).resize(side, Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(image, np.asarray(expected))
        expected = Image.fromarray(own_label).resize(side, Image.Resampling.NEAREST)
        np.testing.assert_array_equal(label, np.asarray(expected))


def test_a_label_of_another_size_than_its_image():
    dataset = _dataset((160, 90))
    image, label = _frame((160, 90))
    large = np.repeat(np.repeat(label, 2, 0), 2, 1)
    other = dataclasses.replace(dataset, read=lambda sample: (image, large))
    expected, found = (read_frame(one, one.samples[0], SIZE) for one in (dataset, other))
    np.testing.assert_array_equal(expected[0], found[0])
    assert ((expected[1] == VOID) == (found[1] == VOID)).all()
    assert (expected[1] == found[1]).mean() > 0.98


def test_ratios_mixed_in_a_split():
    """Kept or read anew, a frame is the same."""
    dataset = _dataset((160, 90), (60, 80), (50, 50), (40, 400))
    frames = Frames(dataset, SIZE)
    numbers = np.arange(4, dtype=np.int32)
    images, labels = source_of(dataset, SIZE, "files").get(numbers)
    np.testing.assert_array_equal(images, frames.images)
    np.testing.assert_array_equal(labels, frames.labels)
    valid = (labels != VOID).mean((1, 2))
    np.testing.assert_allclose(valid, [34 / 80, 1, 60 / 80, 8 / 60], atol=1e-6)


@pytest.mark.parametrize("size", [SIZE, (101, 77), (80, 60)])
def test_a_pack_keeps_the_ratio_too(tmp_path, size):
    """At its size it gives what the folder gives; its frames are without the padding."""
    sizes = [(160, 90), (60, 80), (50, 50), (40, 400)]
    dataset = _dataset(*sizes)
    write_pack([dataset], size, tmp_path / "pack.h5")
    read = packed(tmp_path / "pack.h5", "train")
    expected, found = Frames(dataset, size), Frames(read, size)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    shapes = [read.read(sample)[0].shape[:2] for sample in read.samples]
    assert shapes == [place(frame, size).size for frame in sizes]
    assert shapes == read.read.frame_sizes(read.samples)
    assert all((read.read(sample)[1] != VOID).all() for sample in read.samples)
    with h5py.File(tmp_path / "pack.h5") as file:
        assert "aspect ratio kept" in file.attrs["resized"]
        assert file["train/boxes"].shape == (4, 4)


def test_a_pack_of_frames_of_another_ratio_is_packed_again(tmp_path):
    """From landscape into portrait: once more padded, not squashed."""
    dataset = _dataset((160, 90))
    write_pack([dataset], SIZE, tmp_path / "first.h5")
    write_pack([packed(tmp_path / "first.h5", "train")], (160, 90), tmp_path / "second.h5")
    image, label = (again := packed(tmp_path / "second.h5", "train")).read(again.samples[0])
    assert image.shape == (160, 90, 3)  # 60x34 enlarged: of 160x90 to a percent
    height, width = _extent(label == 1)
    assert abs(height - width) <= 5  # of about 72


def test_a_pack_from_before_is_read_whole(tmp_path):
    dataset = _dataset((60, 80), (120, 160))
    write_pack([dataset], SIZE, tmp_path / "pack.h5")
    new = packed(tmp_path / "pack.h5", "train")
    digest, expected = new.read.labels_digest(), Frames(new, SIZE)
    with h5py.File(tmp_path / "pack.h5", "a") as file:
        del file["train/boxes"]
    old = packed(tmp_path / "pack.h5", "train")
    assert old.read.labels_digest() == digest
    assert old.read.frame_sizes(old.samples) == [SIZE, SIZE]
    np.testing.assert_array_equal(Frames(old, SIZE).images, expected.images)


@pytest.mark.parametrize("box", [(0, 0, 60, 81), (-1, 0, 60, 80), (0, 0, 0, 80), (0, 0)])
def test_damaged_boxes(tmp_path, box):
    write_pack([_dataset((60, 80), (50, 50))], SIZE, tmp_path / "pack.h5")
    with h5py.File(tmp_path / "pack.h5", "a") as file:
        del file["train/boxes"]
        file["train/boxes"] = np.array([box] * 2, np.int32)
    with pytest.raises(ValueError, match=r"pack\.h5: damaged: train/boxes"):
        packed(tmp_path / "pack.h5", "train")


@pytest.mark.parametrize("frame", [(1920, 1080), (1080, 1920), (500, 500), (100, 1000), (77, 101)])
def test_the_size_that_is_advised_has_the_ratio(frame):
    size = size_of_ratio(frame, (480, 640))
    assert has_ratio_of(frame, size)
    assert np.prod(size) == pytest.approx(480 * 640, rel=0.02)


def test_an_image_of_floats_keeps_its_type():
    def resize(image, size):
        return np.ones((*size, 3), np.float32)

    assert fit_image(np.zeros((4, 2, 3), np.float32), (8, 8), resize).dtype == np.float32


@pytest.mark.parametrize("keep", ["device", "memory", "files"])
def test_padding_is_not_counted_as_void_of_the_labels(keep):
    """Else 255 in a table that does not name it would look like a class."""
    dataset = _dataset((160, 90), (50, 50))
    tally = tally_of(source_of(dataset, SIZE, keep), SIZE)
    assert tally.counts[VOID] == 0
    assert tally.counts.sum() == 60 * 34  # the first frame shows both classes


def test_groups_of_other_ratios():
    sizes = [(60, 80), (160, 90), None, (50, 50), (320, 180), (119, 160)]
    assert other_ratios(sizes, SIZE) == [[1, 4], [3]]
    assert other_ratios([None, (30, 40)], SIZE) == []
