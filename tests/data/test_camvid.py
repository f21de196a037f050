import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import CAMVID, camvid, open_dataset, reader_of
from scmnet_zoo.data.camvid_classes import ORIGINAL_CLASSES
from scmnet_zoo.data.camvid_split import segnet_split
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
    with pytest.raises(ValueError, match=r"the folder .*nowhere\. Received: no such file"):
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
    with pytest.raises(ValueError, match=rf"{path.name}: expected an image"):
        READ(sample)


@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_file_that_went_away(folder, kind):
    sample = camvid(folder, "train").samples[0]
    getattr(sample, kind).unlink()
    with pytest.raises(ValueError, match="no such file"):
        READ(sample)


def test_an_unknown_dataset():
    assert reader_of("camvid") is camvid
    with pytest.raises(ValueError, match=r"camvid, cityscapes, bdd100k, folder\. .*'kitti'"):
        reader_of("kitti")


def test_opened_by_name(folder):
    assert open_dataset("camvid", folder, "val") == camvid(folder, "val")
    with pytest.raises(ValueError, match=r"one of camvid, .*'kitti'"):
        open_dataset("kitti", folder, "val")


@pytest.fixture
def segnet(tmp_path):
    return scenes.draw_camvid_segnet(tmp_path / "segnet")


@pytest.fixture
def original(tmp_path):
    return scenes.draw_camvid_original(tmp_path / "original")


@pytest.mark.parametrize("layout", ["segnet", "original"])
def test_pixels_of_the_other_layouts(layout, request):
    folder = request.getfixturevalue(layout)
    number = 0
    for split, names in scenes.CAMVID_NAMES.items():
        dataset = camvid(folder, split)
        assert (dataset.name, dataset.split, dataset.space) == ("camvid", split, CAMVID)
        assert [sample.name for sample in dataset.samples] == list(names)
        for sample in dataset.samples:
            image, label = dataset.read(sample)
            drawn_image, drawn_label = scenes.scene(number)
            number += 1
            np.testing.assert_array_equal(image, drawn_image)
            np.testing.assert_array_equal(label, drawn_label)


def test_segnet_lists_are_not_needed(segnet):
    """SegNet's own lists name pairs of paths on its authors' machine."""
    (segnet / "train.txt").write_text("/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png")
    assert len(camvid(segnet, "train").samples) == 5


def test_segnet_without_a_split(segnet):
    (segnet / "valannot").rename(segnet / "elsewhere")
    with pytest.raises(ValueError, match=r"val and valannot\. Received: elsewhere, test, "):
        camvid(segnet, "val")


def test_segnet_without_a_label(segnet):
    (segnet / "valannot/0016E5_08159.png").unlink()
    with pytest.raises(ValueError, match=r"valannot/0016E5_08159\.png of .*val/0016E5_08159\.png"):
        camvid(segnet, "val")


def test_segnet_without_images(segnet):
    for path in list((segnet / "val").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match=r"\*\.png in .*val\. Received: none"):
        camvid(segnet, "val")


def test_segnet_indices(segnet):
    dataset = camvid(segnet, "val")
    Image.fromarray(np.full(scenes.SIZE, 255, np.uint8)).save(dataset.samples[0].label)
    message = r"0016E5_07959\.png: expected indices of SegNet's CamVid, 0\.\.11\. Received: 255"
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


def test_original_with_some_frames(original, caplog):
    for name in ("0001TP_006690", "0016E5_00390"):
        (original / f"701_StillsRaw_full/{name}.png").unlink()
    dataset = camvid(original, "train")
    assert [s.name for s in dataset.samples] == ["0001TP_008520", "0006R0_f00930", "0016E5_08640"]
    assert len(camvid(original, "test").samples) == 3
    assert caplog.text == ""


def test_original_with_none_of_a_split(original):
    for name in scenes.CAMVID_NAMES["val"]:
        (original / f"701_StillsRaw_full/{name}.png").unlink()
    message = (
        r"split val in .*701_StillsRaw_full\. Received: 8 of other splits, such as 0001TP_0066"
    )
    with pytest.raises(ValueError, match=message):
        camvid(original, "val")


def test_original_without_frames(original):
    for path in list((original / "701_StillsRaw_full").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match=r"\*\.png in .*701_StillsRaw_full\. Received: none"):
        camvid(original, "train")


def test_original_without_a_label(original):
    (original / "LabeledApproved_full/0016E5_08159_L.png").unlink()
    with pytest.raises(ValueError, match=r"LabeledApproved_full/0016E5_08159_L\.png of"):
        camvid(original, "val")
    assert len(camvid(original, "train").samples) == 5


def test_original_with_a_list(original):
    (original / "val.txt").write_text("0006R0_f00930\n0001TP_006690\n")
    dataset = camvid(original, "val")
    assert [sample.name for sample in dataset.samples] == ["0006R0_f00930", "0001TP_006690"]
    np.testing.assert_array_equal(dataset.read(dataset.samples[0])[1], scenes.scene(2)[1])
    (original / "val.txt").write_text("0006R0_f00960\n")
    with pytest.raises(
        ValueError, match=r"image 0006R0_f00960, named in .*val\.txt\. Received: no"
    ):
        camvid(original, "val")


def test_an_unknown_colour(original):
    dataset = camvid(original, "val")
    colours = scenes.original_colours(scenes.scene(5)[1])
    colours[0, 0] = (1, 2, 3)
    Image.fromarray(colours).save(dataset.samples[0].label)
    message = r"0016E5_07959_L\.png: expected the 32 colours of .*Received: \(1, 2, 3\)$"
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


@pytest.mark.parametrize("given", ["701_StillsRaw_full", ".."])
def test_the_wrong_folder(original, given):
    with pytest.raises(ValueError, match=r"images and labels, or 701_.*perhaps .* is meant"):
        camvid((original / given).resolve(), "train")


@pytest.mark.parametrize(
    "name",
    [
        "0001TP_006660",
        "0016E5_00361",
        "0016E5_08000x",
        "Seq05VD",
        "Seq05VD_f05130",
        "0016E5_\u00b2",
    ],
)
def test_names_of_no_split(name):
    assert segnet_split(name) is None


def test_the_table_is_the_drawn_one():
    drawn = {
        colour: None if name == "void" else name
        for name, colours in scenes.ORIGINAL_COLOURS.items()
        for colour in colours
    }
    assert {colour: name for _, colour, name in ORIGINAL_CLASSES} == drawn
    assert len(ORIGINAL_CLASSES) == len(drawn) == 32


@pytest.mark.needs_shared
def test_the_colours_are_those_of_the_original(shared):
    lines = (shared / "camvid/original_layout/label_colors.txt").read_text().split("\n")
    fields = [line.split() for line in lines if line.strip()]
    original = [(field[3], tuple(map(int, field[:3]))) for field in fields]
    assert [(name, colour) for name, colour, _ in ORIGINAL_CLASSES] == original


@pytest.mark.needs_shared
def test_the_split_is_that_of_the_lists(shared):
    found = {}
    for split in ("train", "val", "test"):
        names = (shared / f"camvid/{split}.txt").read_text().split()
        found |= {name: (split, segnet_split(name)) for name in names}
    assert len(found) == 701
    assert [name for name, (split, ours) in found.items() if split != ours] == []


@pytest.mark.needs_shared
def test_real_frames_of_the_original_layout(shared):
    dataset = camvid(shared / "camvid/original_layout", "train")
    names = ["0006R0_f01140", "0016E5_01440", "0016E5_06330", "0016E5_07320"]
    assert [sample.name for sample in dataset.samples] == names
    zoo = {sample.name: sample for sample in camvid(shared / "camvid", "train").samples}
    for sample in dataset.samples:
        image, label = dataset.read(sample)
        assert image.shape == (720, 960, 3)
        expected = READ.masks.decode(Image.open(zoo[sample.name].label), zoo[sample.name].label)
        reduced = label[1::2, 0::2] if expected.shape == (360, 480) else label
        np.testing.assert_array_equal(reduced, expected)
    with pytest.raises(ValueError, match="Received: 4 of other splits"):
        camvid(shared / "camvid/original_layout", "test")


def test_a_folder_of_many_other_things_is_not_listed_whole(tmp_path):
    for number in range(12):
        (tmp_path / f"{number:02d}.txt").touch()
    with pytest.raises(ValueError, match=r"08\.txt, 09\.txt and 2 more$"):
        camvid(tmp_path, "train")
