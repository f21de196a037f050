"""Layouts in which sites and tools hand out datasets: read as what they are, or with what to do."""

import csv
import re
import weakref

import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import CAMVID, VOID, meanings, open_dataset, write_pack
from scmnet_zoo.data.camvid_classes import ORIGINAL_CLASSES
from scmnet_zoo.data.check import check
from scmnet_zoo.data.pairs import splits_of
from scmnet_zoo.image_files import open_image

NAMES = scenes.CAMVID_NAMES
CODES = [name for name, *_ in ORIGINAL_CLASSES]
COLOURS = {"background": (0, 0, 0), "road": (128, 64, 128), "car": (64, 0, 128)}


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path)


def frames(names=NAMES):
    """Split, name, image and training ids of CamVid's scenes."""
    number = 0
    for split, found in names.items():
        for name in found:
            yield split, name, *scenes.scene(number)
            number += 1


def bands(seed=0, values=(0, 1, 2)):
    """A noisy image and a label with three bands."""
    height, width = scenes.SIZE
    label = np.repeat(np.uint8(values), -(-height // len(values)))[:height]
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return image, np.repeat(label[:, None], width, axis=1)


def read(dataset, root, split):
    """The frames of a split: name, image and label."""
    found = open_dataset(dataset, root, split)
    return [(sample.name, *found.read(sample)) for sample in found.samples]


def assert_camvid(root, splits):
    """That the scenes of CamVid are read to the last pixel, and checked without errors."""
    drawn = {name: (image, label) for _, name, image, label in frames()}
    for split, names in splits.items():
        found = read("camvid", root, split)
        assert sorted(name for name, *_ in found) == sorted(names)
        for name, image, label in found:
            np.testing.assert_array_equal(image, drawn[name][0])
            np.testing.assert_array_equal(label, drawn[name][1])
    report = check("camvid", root)
    assert report.errors == ()
    assert report.frames == {split: len(names) for split, names in splits.items()}
    return report


# Kaggle's CamVid


def draw_kaggle(root, table=False):
    for split, name, image, label in frames():
        save(root / split / f"{name}.png", image)
        save(root / f"{split}_labels" / f"{name}_L.png", scenes.original_colours(label))
    if table:
        with (root / "class_dict.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["name", "r", "g", "b"])
            rows.writerows([name, *colour] for name, colour, _ in ORIGINAL_CLASSES)
    return root


@pytest.mark.parametrize("table", [False, True])
def test_kaggle(tmp_path, table):
    report = assert_camvid(draw_kaggle(tmp_path / "CamVid", table), NAMES)
    assert report.warnings == ()


def test_kaggle_without_a_label(tmp_path):
    root = draw_kaggle(tmp_path / "CamVid")
    (gone,) = (root / "val_labels").glob("0016E5_07959*")
    gone.unlink()
    with pytest.raises(ValueError, match=r"the label .*val_labels/0016E5_07959_L\.png of "):
        open_dataset("camvid", root, "val")
    (problem,) = check("camvid", root).errors
    assert (problem.kind, str(gone) in problem.message) == ("pair", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,r,g,b\nLorry,1,2,3\n", r"csv: expected CamVid's 32 classes\. Received: 'Lorry'"),
        ("name,r,g,b\n", r"csv: expected CamVid's 32 classes\. Received: none"),
        ("name,r,g,b\nRoad,1,2\n", r"csv: expected a name and red, green, blue .*Received: Road"),
        ("name,r,g,b\nRoad,a,2,3\n", r"csv: expected a name and red, green, blue .*Received: Road"),
    ],
)
def test_a_faulty_table_of_kaggle(tmp_path, text, message):
    root = draw_kaggle(tmp_path / "CamVid")
    (root / "class_dict.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_dataset("camvid", root, "train")


# fast.ai's CamVid


def draw_fastai(root, codes=CODES, valid="val"):
    """Labels of indices by the order of `CODES`, the train and val frames with a list of one."""
    colours = {colour: index for index, (_, colour, _) in enumerate(ORIGINAL_CLASSES)}
    for _, name, image, label in frames():
        drawn = scenes.original_colours(label)
        indices = np.zeros(label.shape, np.uint8)
        for colour, index in colours.items():
            indices[(drawn == colour).all(-1)] = index
        save(root / "images" / f"{name}.png", image)
        save(root / "labels" / f"{name}_P.png", indices)
    if codes:
        (root / "codes.txt").write_text("\n".join(codes) + "\n")
    if valid:
        (root / "valid.txt").write_text("".join(f"{name}.png\n" for name in NAMES[valid]))
    return root


def test_fastai(tmp_path):
    root = draw_fastai(tmp_path / "camvid")
    report = assert_camvid(root, {"train": (*NAMES["train"], *NAMES["test"]), "val": NAMES["val"]})
    assert report.warnings == ()
    assert [problem.message for problem in report.notes] == [f"{root}: no split test"]
    with pytest.raises(ValueError, match=r"those in .*camvid: train, val\. Received: split='test'"):
        open_dataset("camvid", root, "test")


def test_fastai_without_its_list_has_the_split_of_segnet(tmp_path):
    """As its sample with fewer frames, which comes without `valid.txt`."""
    assert_camvid(draw_fastai(tmp_path / "camvid", valid=None), NAMES)


def test_fastai_without_codes_is_guessed(tmp_path, caplog):
    root = draw_fastai(tmp_path / "camvid", codes=None, valid=None)
    (warning,) = assert_camvid(root, NAMES).warnings
    assert warning.kind == "guessed"
    assert "codes.txt: missing, so indices are read as CamVid's 32" in caplog.text
    assert warning.message in caplog.text


def test_the_codes_go_by_their_names(tmp_path):
    """Another order of the classes, in other letters."""
    codes = [name.upper() for name in CODES]
    road, sky = codes.index("ROAD"), codes.index("SKY")
    codes[road], codes[sky] = codes[sky], codes[road]
    root = draw_fastai(tmp_path / "camvid", codes)
    drawn = {name: label for _, name, _, label in frames()}
    name, _, label = read("camvid", root, "val")[0]
    before = drawn[name]
    assert (label[before == CAMVID.classes.index("sky")] == CAMVID.classes.index("road")).all()
    car = before == CAMVID.classes.index("car")
    assert (label[car] == CAMVID.classes.index("car")).all()


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([*CODES[:-1], "Lorry"], r"codes\.txt: expected CamVid's 32 classes\. Received: 'Lorry'"),
        ([""], r"codes\.txt: expected CamVid's 32 classes\. Received: none"),
        (CODES[:20], r"_P\.png: expected indices of .*codes\.txt, 0\.\.19\. Received: "),
    ],
)
def test_faulty_codes(tmp_path, codes, message):
    root = draw_fastai(tmp_path / "camvid", codes)
    with pytest.raises(ValueError, match=message):
        read("camvid", root, "val")


# Roboflow's masks


def draw_roboflow(root, splits=("train", "valid"), table=True, values=(0, 1, 2)):
    for seed, split in enumerate(splits):
        for number in range(2):
            image, label = bands(10 * seed + number, values)
            name = f"street_{number}_jpg.rf.{seed}f"
            save(root / split / f"{name}.jpg", image)
            save(root / split / f"{name}_mask.png", label)
        if table:
            text = "Pixel Value, Class\n0, background\n1, road\n2, car\n"
            (root / split / "_classes.csv").write_text(text)
    return root


def test_roboflow(tmp_path, caplog):
    root = draw_roboflow(tmp_path / "robo")
    report = check("folder", root)
    assert (report.errors, report.warnings) == ((), ())
    assert report.frames == {"train": 2, "val": 2}
    assert report.space.classes == ("background", "road", "car")
    name, _, label = read("folder", root, "val")[1]
    assert name == "street_1_jpg.rf.1f"
    np.testing.assert_array_equal(label, bands()[1])
    assert caplog.text == ""


def test_roboflow_with_train_only(tmp_path):
    root = draw_roboflow(tmp_path / "robo", ["train"])
    assert [problem.message for problem in check("folder", root).notes] == [f"{root}: no split val"]


def test_roboflow_without_classes_is_guessed(tmp_path, caplog):
    root = draw_roboflow(tmp_path / "robo", table=False, values=(0, 7, 255))
    assert open_dataset("folder", root, "train").space.classes == (
        "class 0",
        "class 7",
        "class 255",
    )
    assert "each of the 3 indices in the label files is a class, class 0, class 7" in caplog.text
    report = check("folder", root)
    assert report.errors == ()
    assert [problem.kind for problem in report.warnings] == ["guessed"]
    _, _, label = read("folder", root, "train")[0]
    np.testing.assert_array_equal(label, bands()[1])


def test_a_table_of_ones_own_goes_before(tmp_path, caplog):
    root = draw_roboflow(tmp_path / "robo", table=False)
    rows = "".join(f'[[class]]\nname = "{name}"\n' for name in "abc")
    (root / "classes.toml").write_text(rows)
    assert open_dataset("folder", root, "val").space.classes == ("a", "b", "c")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Pixel Value, Class\n0, a\n",
            r"_classes\.csv: expected two classes or more\. Received: 1",
        ),
        ("Pixel Value, Class\n0, a\n1, a\n", r"expected each name once\. Received: 'a' twice"),
        ("Pixel Value, Class\n0, a\n0, b\n", r"expected each value once\. Received: 0 twice"),
        ("Pixel Value, Class\n0, a\nx, b\n", r"expected an index and a name a line\. Received: x"),
        ("Pixel Value, Class\n0, a\n300, b\n", r"an index and a name a line\. Received: 300, b"),
        ("Pixel Value, Class\n" + "1" * 5000, r"expected a class a line\. Received: 5000 char"),
        ("Pixel Value, Class\n0\n", r"an index and a name a line\. Received: 0"),
        (
            "Pixel Value, Class\n0, a\n1, b\n",
            r"_classes\.csv, 0\.\.1\. Received: 2; name the class",
        ),
    ],
)
def test_a_faulty_table_of_roboflow(tmp_path, text, message):
    root = draw_roboflow(tmp_path / "robo", ["train"])
    (root / "train/_classes.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read("folder", root, "train")


def test_splits_of_roboflow_have_the_same_classes(tmp_path):
    root = draw_roboflow(tmp_path / "robo")
    (root / "valid/_classes.csv").write_text("Pixel Value, Class\n0, car\n1, road\n2, x\n")
    with pytest.raises(
        ValueError, match=r"Expected in .*valid/_classes\.csv the classes of .*train"
    ):
        open_dataset("folder", root, "train")


# Pascal VOC's layout, as CVAT writes it


def draw_voc(root, table=True, lists=True, palette=False):
    colours = np.array(list(COLOURS.values()), np.uint8)
    for number in range(4):
        image, label = bands(number)
        save(root / f"JPEGImages/{number}.jpg", image)
        path = root / f"SegmentationClass/{number}.png"
        save(path, colours[label])
        if palette:
            mask = Image.fromarray(label)
            mask.putpalette(colours.tobytes())
            mask.save(path)
    if table:
        lines = ["# label:color_rgb:parts:actions"]
        lines += [f"{name}:{','.join(map(str, colour))}::" for name, colour in COLOURS.items()]
        (root / "labelmap.txt").write_text("\n".join(lines) + "\n")
    if lists:
        (root / "ImageSets/Segmentation").mkdir(parents=True)
        (root / "ImageSets/Segmentation/train.txt").write_text("0\n1\n2\n")
        (root / "ImageSets/Segmentation/val.txt").write_text("3\n")
    return root


@pytest.mark.parametrize("palette", [False, True])
def test_voc(tmp_path, caplog, palette):
    root = draw_voc(tmp_path / "cvat", palette=palette)
    report = check("folder", root)
    assert (report.errors, report.warnings) == ((), ())
    assert report.frames == {"train": 3, "val": 1}
    assert report.space.classes == tuple(COLOURS)
    assert report.space.palette == tuple(COLOURS.values())
    np.testing.assert_array_equal(read("folder", root, "val")[0][2], bands(3)[1])
    assert caplog.text == ""


def test_voc_without_lists_is_train(tmp_path):
    root = draw_voc(tmp_path / "cvat", lists=False)
    assert splits_of("folder", root) == ("train",)
    assert check("folder", root).frames == {"train": 4}


def test_voc_without_classes_is_guessed(tmp_path, caplog):
    root = draw_voc(tmp_path / "cvat", table=False, lists=False)
    mask = np.array(Image.open(root / "SegmentationClass/0.png"))
    mask[0] = (224, 224, 192)  # VOC's border
    save(root / "SegmentationClass/0.png", mask)
    dataset = open_dataset("folder", root, "train")
    assert dataset.space.classes == ("colour 0 0 0", "colour 64 0 128", "colour 128 64 128")
    assert "each of the 3 colours in the label files is a class, colour 0 0 0" in caplog.text
    assert "a classes.toml in that folder names them" in caplog.text
    _, label = dataset.read(dataset.samples[0])
    assert (label[0] == VOID).all()
    assert [problem.kind for problem in check("folder", root).warnings] == ["guessed"]


def test_a_pack_knows_that_its_classes_were_guessed(tmp_path, caplog):
    root = draw_voc(tmp_path / "cvat", table=False, lists=False)
    dataset = open_dataset("folder", root, "train")
    write_pack([dataset], (32, 48), tmp_path / "own.h5")
    caplog.clear()
    assert open_dataset("folder", tmp_path / "own.h5", "train").guessed == dataset.guessed
    assert "a classes.toml in that folder names them" in caplog.text
    found = check("folder", tmp_path / "own.h5").warnings
    assert [problem.kind for problem in found] == ["guessed"]


@pytest.mark.parametrize("grey", [False, True])
def test_classes_are_found_with_one_mask_in_memory(tmp_path, monkeypatch, grey):
    root = draw_voc(tmp_path / "cvat", table=False, lists=False)
    for number in range(4 if grey else 0):
        save(root / f"SegmentationClass/{number}.png", bands(number)[1])
    held, most = [], []

    def watched(path):
        mask = open_image(path)
        held.append(weakref.ref(mask))
        most.append(sum(one() is not None for one in held))
        return mask

    monkeypatch.setattr(meanings, "open_image", watched)
    open_dataset("folder", root, "train")
    assert len(most) >= 4
    assert max(most) <= 2  # the one before, and the next


def test_voc_with_masks_of_indices(tmp_path):
    root = draw_voc(tmp_path / "cvat", table=False, lists=False)
    for number in range(4):
        save(root / f"SegmentationClass/{number}.png", bands(number)[1])
    dataset = open_dataset("folder", root, "train")
    assert dataset.space.classes == ("class 0", "class 1", "class 2")
    np.testing.assert_array_equal(dataset.read(dataset.samples[0])[1], bands()[1])


def test_a_photograph_is_no_mask(tmp_path):
    root = draw_voc(tmp_path / "cvat", table=False, lists=False)
    save(root / "SegmentationClass/2.png", bands(5)[0])
    message = r"2\.png: expected at most 64 indices or colours .*a classes\.toml in that folder"
    with pytest.raises(ValueError, match=message):
        open_dataset("folder", root, "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("road 1 2 3\n", r"labelmap\.txt: expected lines NAME:RED,GREEN,BLUE::\. Received: road"),
        ("a:1,2,300::\nb:1,2,3::\n", r"expected lines NAME:RED,GREEN,BLUE::\. Received: a:1,2,300"),
        ("a:0,0,0::\n", r"labelmap\.txt: expected two classes or more\. Received: 1"),
        ("a:0,0,0::\nb:0,0,0::\n", r"each value once\. Received: \(0, 0, 0\) twice"),
        (
            "a:0,0,0\nb:128,64,128\n",
            r"expected colours of .*labelmap\.txt\. Received: \(64, 0, 128",
        ),
    ],
)
def test_a_faulty_label_map(tmp_path, text, message):
    root = draw_voc(tmp_path / "cvat")
    (root / "labelmap.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read("folder", root, "train")


def test_a_listed_frame_that_is_not_there(tmp_path):
    root = draw_voc(tmp_path / "cvat")
    (root / "ImageSets/Segmentation/val.txt").write_text("3\n9\n")
    with pytest.raises(ValueError, match=r"an image 9 of val\. Received: no file"):
        open_dataset("folder", root, "val")
    assert [problem.kind for problem in check("folder", root).errors] == ["pair"]


# Masks whose names have more than those of their images


def rename(root, ending, lists=False):
    for path in sorted((root / "masks").rglob("*.png")):
        path.rename(path.with_name(f"{path.stem}{ending}.png"))
    return root


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("ending", ["_mask", "-label", ".seg", " mask", "_L", "_gt.v2", ".jpg"])
def test_masks_with_a_longer_name(tmp_path, ending, lists):
    root = rename(scenes.draw_folder(tmp_path / "own", lists=lists), ending)
    report = check("folder", root)
    assert report.errors == ()
    assert report.frames == scenes.COUNTS
    np.testing.assert_array_equal(read("folder", root, "train")[2][2], scenes.own_scene(2)[1])


def test_names_of_which_one_begins_another(tmp_path):
    root = tmp_path / "own"
    scenes.draw_folder(root, counts={"train": 0})
    for seed, name in enumerate(("a", "a_1", "a_1_2")):
        image, label = scenes.own_scene(seed)
        save(root / f"images/train/{name}.png", image)
        scenes.own_mask(label, "index").save(root / f"masks/train/{name}_mask.png")
    found = read("folder", root, "train")
    assert [name for name, *_ in found] == ["a", "a_1", "a_1_2"]
    for seed, (_, _, label) in enumerate(found):
        np.testing.assert_array_equal(label, scenes.own_scene(seed)[1])


def test_a_mask_with_a_longer_name_that_is_missing(tmp_path):
    root = rename(scenes.draw_folder(tmp_path / "own"), "_mask")
    (root / "masks/val/val_001_mask.png").unlink()
    with pytest.raises(ValueError, match=r"the label .*masks/val/val_001_mask\.png of .*val_001\."):
        open_dataset("folder", root, "val")
    assert [problem.kind for problem in check("folder", root).errors] == ["pair"]


def test_two_masks_of_an_image(tmp_path):
    root = rename(scenes.draw_folder(tmp_path / "own"), "_mask")
    for path in list((root / "masks/val").iterdir()):
        Image.open(path).save(path.with_name(path.name.replace("_mask", "_instances")))
    message = r"one mask of each image .*masks/val\. Received: val_000_.* move the others elsewhere"
    with pytest.raises(ValueError, match=message) as raised:
        open_dataset("folder", root, "val")
    (advice,) = re.findall(r'mask_suffix = "_mask"|mask_suffix = "_instances"', str(raised.value))
    table = root / "classes.toml"
    table.write_text(f"{advice}\n{table.read_text()}")
    assert check("folder", root, ["val"]).errors == ()


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("suffix", ["_labelIds", "_labelIds.png", "IDS"])
def test_a_suffix_of_masks_that_the_table_names(tmp_path, suffix, lists):
    """Others lie beside them, some by the very names of the images."""
    root = scenes.draw_folder(tmp_path / "own", lists=lists)
    for path in list((root / "masks").rglob("*.png")):
        path.rename(path.with_name(f"{path.stem}{suffix.removesuffix('.png')}.png"))
        Image.fromarray(np.full((9, 9), 77, np.uint8)).save(path)
    table = root / "classes.toml"
    table.write_text(f'mask_suffix = "{suffix}"\n{table.read_text()}')
    report = check("folder", root)
    assert report.errors == ()
    assert report.frames == scenes.COUNTS
    np.testing.assert_array_equal(read("folder", root, "train")[2][2], scenes.own_scene(2)[1])


def test_a_suffix_that_no_mask_has(tmp_path):
    root = scenes.draw_folder(tmp_path / "own")
    table = root / "classes.toml"
    table.write_text(f'mask_suffix = "_mask"\n{table.read_text()}')
    with pytest.raises(ValueError, match=r"the label .*masks/val/val_000_mask\.png of .*val_000\."):
        open_dataset("folder", root, "val")
    assert {problem.kind for problem in check("folder", root).errors} == {"pair", "split"}


@pytest.mark.parametrize("suffix", ["7", "[]", '""', '"a/b"'])
def test_a_faulty_suffix(tmp_path, suffix):
    root = scenes.draw_folder(tmp_path / "own")
    table = root / "classes.toml"
    table.write_text(f"mask_suffix = {suffix}\n{table.read_text()}")
    with pytest.raises(ValueError, match=r"classes\.toml: expected .* ?mask_suffix"):
        open_dataset("folder", root, "val")


def test_some_masks_of_other_kinds_are_left_out(tmp_path, caplog):
    root = rename(scenes.draw_folder(tmp_path / "own"), "_mask")
    path = root / "masks/train/train_000_mask.png"
    Image.open(path).save(path.with_name("train_000_overlay.png"))
    assert len(open_dataset("folder", root, "train").samples) == scenes.COUNTS["train"]
    assert "1 labels have no image" in caplog.text


def test_folders_beside_listed_images_are_no_splits(tmp_path):
    """Else the lists would not be looked at."""
    for name in ("1", "sub/2"):
        for kind in ("images", "masks"):
            path = tmp_path / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8)).save(path)
    (tmp_path / "train.txt").write_text("1\n")
    (tmp_path / "night.txt").write_text("sub/2\n")
    assert splits_of("folder", tmp_path) == ("train", "night")
    (tmp_path / "images" / "val").mkdir()
    assert splits_of("folder", tmp_path) == ("train", "val", "night")
