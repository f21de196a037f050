import dataclasses
import errno
import json
import pickle
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import scenes

from scmnet_zoo.data import (
    BDD100K,
    CAMVID,
    Dataset,
    Sample,
    camvid,
    cityscapes,
    folder,
    hdf5_sink,
    open_dataset,
    packed,
    write_pack,
)
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.pack import FORMAT, VERSION, packed_splits

SIZE = (42, 56)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("pack") / "camvid")


@pytest.fixture(scope="module")
def datasets(root):
    return [camvid(root, split) for split in ("train", "val")]


@pytest.fixture(scope="module")
def written(datasets, tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "camvid.h5"
    write_pack(datasets, SIZE, path)
    return path


@pytest.fixture
def file(written, tmp_path):
    """A pack to spoil."""
    return shutil.copy(written, tmp_path / "camvid.h5")


def _same_frames(dataset, original, size):
    frames, expected = Frames(dataset, size), Frames(original, size)
    np.testing.assert_array_equal(frames.images, expected.images)
    np.testing.assert_array_equal(frames.labels, expected.labels)


# What is read is what was written.


@pytest.mark.parametrize("size", [scenes.SIZE, SIZE, (100, 31)])
def test_frames_are_those_of_the_folder_bit_for_bit(tmp_path, datasets, size):
    write_pack(datasets, size, tmp_path / "pack.h5")
    for original in datasets:
        dataset = packed(tmp_path / "pack.h5", original.split)
        assert (dataset.name, dataset.split, dataset.space) == ("camvid", original.split, CAMVID)
        assert [s.name for s in dataset.samples] == [s.name for s in original.samples]
        _same_frames(dataset, original, size)


@pytest.mark.parametrize(
    ("read", "draw"), [(cityscapes, scenes.draw_cityscapes), (folder, scenes.draw_folder)]
)
def test_other_datasets(tmp_path, read, draw):
    original = read(draw(tmp_path / "data"), "val")
    write_pack([original], SIZE, tmp_path / "pack.h5")
    dataset = packed(tmp_path / "pack.h5", "val")
    assert dataset.space == original.space  # with ids, categories, sizes of instances
    assert [s.name for s in dataset.samples] == [s.name for s in original.samples]
    _same_frames(dataset, original, SIZE)


def test_the_layout_of_the_file(written):
    with h5py.File(written) as file:
        assert file.attrs["format"] == FORMAT
        assert file.attrs["version"] == VERSION
        assert file.attrs["dataset"] == "camvid"
        assert json.loads(file.attrs["space"])["labels"][3]["name"] == "road"
        assert tuple(file.attrs["size"]) == SIZE
        assert "bilinear" in file.attrs["resized"]
        assert list(file) == ["train", "val"]
        images, labels = file["train/images"], file["train/labels"]
        assert (images.shape, images.dtype) == ((6, *SIZE, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((6, *SIZE), np.uint8)
        assert images.chunks == (1, *SIZE, 3)
        assert labels.chunks == (1, *SIZE)
        assert (images.compression, labels.compression) == (None, "lzf")


def test_samples_say_where_in_the_file_they_are(written):
    sample = packed(written, "val").samples[1]
    assert sample.image == written / "val" / "images" / "val_001"
    assert sample.label == written / "val" / "labels" / "val_001"
    assert sample.instances is None


def test_threads_and_processes_share_a_dataset(written, datasets):
    dataset = pickle.loads(pickle.dumps(packed(written, "train")))
    expected = Frames(datasets[0], SIZE)
    numbers = np.random.default_rng(0).integers(0, 6, 200)
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(lambda number: dataset.read(dataset.samples[number]), numbers))
    for number, (image, label) in zip(numbers, pairs, strict=True):
        np.testing.assert_array_equal(image, expected.images[number])
        np.testing.assert_array_equal(label, expected.labels[number])


def test_a_pack_opens_by_name(written, root):
    dataset = open_dataset("camvid", str(written), "val")
    assert dataset.samples == packed(written, "val").samples
    assert open_dataset("camvid", root, "val").samples[0].image.is_file()
    with pytest.raises(ValueError, match=r"expected the dataset bdd100k. Received: camvid"):
        open_dataset("bdd100k", written, "val")


def test_splits_keep_their_order(tmp_path, datasets):
    write_pack(datasets[::-1], SIZE, tmp_path / "pack.h5")
    assert packed_splits(tmp_path / "pack.h5") == ("val", "train")


def test_reading_does_not_import_keras(written):
    code = (
        "import sys; from scmnet_zoo.data import packed\n"
        f"dataset = packed({str(written)!r}, 'val'); dataset.read(dataset.samples[0])\n"
        "sys.exit('keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


# Writing.


def test_progress(tmp_path, datasets):
    done = []
    write_pack(datasets, SIZE, tmp_path / "pack.h5", lambda *now: done.append(now))
    assert done == [(number, 8) for number in range(1, 9)]


def test_few_frames_are_held_at_a_time(tmp_path, datasets):
    """Reading waits for writing: with one thread, at most three frames are ahead."""
    read, ahead = [], []
    many = dataclasses.replace(
        datasets[0],
        samples=tuple(Sample(str(n), *_paths(datasets[0])) for n in range(40)),
        read=lambda sample: read.append(sample) or datasets[0].read(datasets[0].samples[0]),
    )
    write_pack(
        [many], SIZE, tmp_path / "pack.h5", lambda done, _: ahead.append(len(read) - done), 1
    )
    assert len(ahead) == 40
    assert max(ahead) <= 3


def _paths(dataset):
    return dataset.samples[0].image, dataset.samples[0].label


def test_a_pack_can_be_packed_smaller(tmp_path, written):
    original = packed(written, "train")
    write_pack([original], (20, 28), tmp_path / "small.h5")
    _same_frames(packed(tmp_path / "small.h5", "train"), original, (20, 28))


def _broken(dataset, error):
    """The dataset, whose fourth frame raises."""

    def read(sample):
        if sample.name.endswith("3"):
            raise error
        return dataset.read(sample)

    return dataclasses.replace(dataset, read=read)


@pytest.mark.parametrize("error", [ValueError("bad frame"), KeyboardInterrupt()])
def test_an_error_leaves_the_older_file_and_nothing_else(file, datasets, error):
    before = file.read_bytes()
    with pytest.raises(type(error)):
        write_pack([_broken(datasets[0], error)], SIZE, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["camvid.h5"]


FULL = """
import resource, sys
from scmnet_zoo.data import camvid, write_pack
assert "keras" not in sys.modules
resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000))
try:
    write_pack([camvid(sys.argv[1], "train")], (72, 96), sys.argv[2])
except OSError as error:
    print(error)
"""


def test_a_disk_that_fills_up_is_one_line(tmp_path, root):
    """A write that fails makes HDF5 end the process in a crash, unless it is kept from it."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, root, tmp_path / "pack.h5"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == f"{tmp_path / 'pack.h5'}: cannot be written: File too large\n"
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_room_on_the_disk_is_looked_at_first(tmp_path, datasets, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"pack\.h5: cannot be written: No space left.* needed"):
        write_pack([_broken(datasets[0], AssertionError("was read"))], SIZE, tmp_path / "pack.h5")
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_while_writing(tmp_path, datasets, monkeypatch):
    """In the midst of HDF5 it would end the process in a crash."""
    made, writes = hdf5_sink.Sink.write, []

    def write(self, data):
        writes.append(len(data))
        if len(writes) == 5:
            signal.raise_signal(signal.SIGINT)
        return made(self, data)

    monkeypatch.setattr(hdf5_sink.Sink, "write", write)
    with pytest.raises(KeyboardInterrupt):
        write_pack(datasets, SIZE, tmp_path / "pack.h5")
    assert len(writes) >= 5
    assert list(tmp_path.iterdir()) == []


def test_no_folder_to_write_to(tmp_path, datasets):
    with pytest.raises(OSError, match=r"pack\.h5: cannot be written: No such file") as raised:
        write_pack(datasets, SIZE, tmp_path / "nowhere" / "pack.h5")
    assert raised.value.__cause__.errno == errno.ENOENT
    with pytest.raises(OSError, match="cannot be written: Is a directory"):
        write_pack(datasets, SIZE, tmp_path)


def test_what_cannot_be_packed(tmp_path, datasets):
    path = tmp_path / "pack.h5"
    train, val = datasets
    with pytest.raises(ValueError, match="at least one split"):
        write_pack([], SIZE, path)
    with pytest.raises(ValueError, match=r"each split once\. Received: train, train"):
        write_pack([train, train], SIZE, path)
    with pytest.raises(ValueError, match="one dataset"):
        write_pack([train, dataclasses.replace(val, name="other")], SIZE, path)
    with pytest.raises(ValueError, match="one label space"):
        write_pack([train, dataclasses.replace(val, space=BDD100K)], SIZE, path)
    twice = dataclasses.replace(val, samples=val.samples * 2)
    with pytest.raises(ValueError, match=r"val_000\.webp: .*Received: 'val_000' twice"):
        write_pack([twice], SIZE, path)
    with pytest.raises(ValueError, match=r"size.*Received: \(0, 5\)"):
        write_pack([val], (0, 5), path)
    assert list(tmp_path.iterdir()) == []


# Files that cannot be read.


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"none\.h5: expected a file that"):
        packed(tmp_path / "none.h5", "train")


@pytest.mark.parametrize("split", ["test", "train/images", ""])
def test_a_split_that_is_not_in_it(file, split):
    with pytest.raises(ValueError, match=r"camvid\.h5: expected split to be one of train, val\."):
        packed(file, split)


@pytest.mark.parametrize("content", [b"", b"no HDF5" * 1000])
def test_a_foreign_file(tmp_path, content):
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.h5: .* Received: a file of another kind"):
        packed(tmp_path / "x.h5", "train")


def test_foreign_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["train"] = [1, 2, 3]
    with pytest.raises(ValueError, match=r"x\.h5: .* Received: an HDF5 file of another kind"):
        packed(tmp_path / "x.h5", "train")


def test_a_newer_version(file):
    with h5py.File(file, "r+") as opened:
        opened.attrs["version"] = VERSION + 1
    with pytest.raises(ValueError, match=r"camvid\.h5: .*Received: version 2.*newer scmnet-zoo"):
        packed(file, "train")


@pytest.mark.parametrize("kept", [100, 0.3, 0.99])
def test_a_truncated_file(file, kept):
    dataset = packed(file, "train")
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    message = r"camvid\.h5: (truncated; write it again|damaged)"
    with pytest.raises(ValueError, match=message):
        packed(file, "train")
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


def test_a_file_that_went_away(file):
    dataset = packed(file, "train")
    file.unlink()
    with pytest.raises(ValueError, match=r"camvid\.h5: expected a file that"):
        dataset.read(dataset.samples[0])


def test_a_sample_of_another_split(written):
    other = packed(written, "val").samples[0]
    with pytest.raises(ValueError, match=r"val_000: not in this split"):
        packed(written, "train").read(other)


@pytest.mark.parametrize("part", ["train/images", "train/names", "train/labels"])
def test_a_part_is_missing(file, part):
    with h5py.File(file, "r+") as opened:
        del opened[part]
    with pytest.raises(ValueError, match=r"camvid\.h5: damaged"):
        packed(file, "train")


@pytest.mark.parametrize("attribute", ["version", "space", "size", "dataset"])
def test_an_attribute_is_missing(file, attribute):
    with h5py.File(file, "r+") as opened:
        del opened.attrs[attribute]
    with pytest.raises(ValueError, match=r"camvid\.h5: damaged"):
        packed(file, "train")


@pytest.mark.parametrize("space", ["{", "{}", '{"name": "x", "labels": [1], "void_ids": []}'])
def test_a_spoilt_label_space(file, space):
    with h5py.File(file, "r+") as opened:
        opened.attrs["space"] = space
    with pytest.raises(ValueError, match=r"camvid\.h5: damaged"):
        packed(file, "train")


def test_another_shape(file):
    with h5py.File(file, "r+") as opened:
        del opened["train/labels"]
        opened["train/labels"] = np.zeros((5, *SIZE), np.uint8)
    with pytest.raises(ValueError, match=r"expected train/labels to be uint8 \(6, 42, 56\)"):
        packed(file, "train")


def test_unknown_ids(file):
    with h5py.File(file, "r+") as opened:
        opened["train/labels"][2, 0, :2] = 11, 200
    dataset: Dataset = packed(file, "train")
    dataset.read(dataset.samples[1])
    with pytest.raises(ValueError, match=r"train_002: expected training ids.*Received: 11, 200$"):
        dataset.read(dataset.samples[2])
