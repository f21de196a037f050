import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import CAMVID, camvid, reader_of
from scmnet_zoo.data.dataset import FileReader
from scmnet_zoo.data.masks import training_ids

READ = FileReader(training_ids(CAMVID))


@pytest.fixture
def folder(tmp_path):
    return scenes.draw(tmp_path / "camvid")


def _rewritten(folder, name, pixels):
    """The dataset with another label file for a frame; returns that frame."""
    Image.fromarray(pixels).save(folder / "labels" / f"{name}.png")
    return next(sample for sample in camvid(folder, "train").samples if sample.name == name)


def test_the_drawn_frames(folder):
    for split, count in scenes.COUNTS.items():
        dataset = camvid(folder, split)
        assert (dataset.name, dataset.split, dataset.space) == ("camvid", split, CAMVID)
        assert [sample.name for sample in dataset.samples] == [
            f"{split}_{index:03d}" for index in range(count)
        ]


def test_pixels(folder):
    samples = camvid(str(folder), "train").samples
    for index, sample in enumerate(samples):
        image, label = READ(sample)
        drawn_image, drawn_label = scenes.scene(index)
        np.testing.assert_array_equal(
            image, scenes.halved(drawn_image) if index % 2 else drawn_image
        )
        np.testing.assert_array_equal(
            label, drawn_label[1::2, 0::2] if index % 3 == 2 else drawn_label
        )
        assert (image.dtype, label.dtype) == (np.uint8, np.uint8)
    assert set(np.unique(READ(samples[0])[1])) == {*range(11), 255}


def test_a_palette_label_is_read_as_its_indices(folder):
    sample = camvid(folder, "train").samples[0]
    _, label = READ(sample)
    image = Image.fromarray(label)
    image.putpalette(list(range(255, -1, -1)) * 3)
    assert image.mode == "P"
    image.save(sample.label)
    np.testing.assert_array_equal(READ(sample)[1], label)


@pytest.mark.needs_shared
def test_the_real_dataset(shared):
    datasets = {split: camvid(shared / "camvid", split) for split in ("train", "val", "test")}
    names = {split: [s.name for s in dataset.samples] for split, dataset in datasets.items()}
    assert {split: len(found) for split, found in names.items()} == {
        "train": 367,
        "val": 101,
        "test": 233,
    }
    assert len({name for found in names.values() for name in found}) == 701
    sizes = {(720, 960), (360, 480)}
    for dataset in datasets.values():
        for sample in dataset.samples[::40]:
            image, label = READ(sample)
            assert image.shape[:2] in sizes
            assert label.shape in sizes


def test_an_unknown_split(folder):
    with pytest.raises(ValueError, match=r"'train', 'val', 'test'.*Received: split='trian'"):
        camvid(folder, "trian")


def test_no_list(folder):
    (folder / "val.txt").unlink()
    with pytest.raises(ValueError, match=r"val\.txt.*no such file"):
        camvid(folder, "val")


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere.*train\.txt.*no such file"):
        camvid(tmp_path / "nowhere", "train")


def test_an_empty_list(folder):
    (folder / "val.txt").write_text("\n\n")
    with pytest.raises(ValueError, match=r"at least one frame.*val\.txt"):
        camvid(folder, "val")


@pytest.mark.parametrize("file", ["images/train_001.webp", "labels/train_001.png"])
def test_a_missing_frame(folder, file):
    (folder / file).unlink()
    with pytest.raises(ValueError, match=rf"{file}, named in .*train\.txt"):
        camvid(folder, "train")


def test_unknown_ids_are_named_with_their_file(folder):
    _, label = scenes.scene(1)
    label = label.copy()
    label[0, 0], label[3, 3] = 11, 254
    sample = _rewritten(folder, "train_001", label)
    message = r"train_001\.png: expected training ids of camvid, 0\.\.10, 255\. Received: 11, 254$"
    with pytest.raises(ValueError, match=message):
        READ(sample)


def test_an_rgb_label_is_refused(folder):
    sample = _rewritten(folder, "train_001", scenes.scene(1)[0])
    with pytest.raises(ValueError, match=r"train_001\.png: .*8-bit indices.*RGB"):
        READ(sample)


@pytest.mark.parametrize("kind", ["image", "label"])
@pytest.mark.parametrize("kept", [0, 8, 0.5])
def test_a_truncated_file(folder, kind, kept):
    sample = camvid(folder, "train").samples[0]
    path = getattr(sample, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(ValueError, match=rf"{path.name}: cannot be read as an image"):
        READ(sample)


@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_file_that_went_away(folder, kind):
    sample = camvid(folder, "train").samples[0]
    getattr(sample, kind).unlink()
    with pytest.raises(ValueError, match="expected an existing file"):
        READ(sample)


def test_an_unknown_dataset():
    assert reader_of("camvid") is camvid
    with pytest.raises(ValueError, match=r"one of camvid\. Received: 'kitti'"):
        reader_of("kitti")
