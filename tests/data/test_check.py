import shutil
import threading

import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data import BDD100K, VOID, open_dataset, write_pack
from scmnet_zoo.data.blur import LEAST_BORDERS, SOFT_SHARE, soft_borders
from scmnet_zoo.data.check import check
from scmnet_zoo.data.report import KINDS, Problem, Report, plot_shares

BILINEAR, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("drawn") / "camvid")


@pytest.fixture
def folder(drawn, tmp_path):
    """A dataset to spoil."""
    return shutil.copytree(drawn, tmp_path / "camvid")


def _save(path, pixels):
    Image.fromarray(np.asarray(pixels)).save(
        path, **{"lossless": True} if "webp" in path.name else {}
    )


def _error(report, kind):
    """The one error of a report."""
    (problem,) = report.errors
    assert problem.kind == kind
    assert "\n" not in problem.message
    return problem


def _kinds(problems):
    return [problem.kind for problem in problems]


def _resized(path, scale, resampling):
    """Resize a label by the values in its file."""
    mask = Image.open(path)
    size = [round(side * scale) for side in mask.size]
    mask.resize(size, resampling).save(path)


LAYOUTS = {
    "camvid": ("camvid", scenes.draw, {"train": 6, "val": 2, "test": 3}),
    "camvid_segnet": ("camvid", scenes.draw_camvid_segnet, {"train": 5, "val": 2, "test": 3}),
    "camvid_original": ("camvid", scenes.draw_camvid_original, {"train": 5, "val": 2, "test": 3}),
    "cityscapes": ("cityscapes", scenes.draw_cityscapes, {"train": 4, "val": 3, "test": 1}),
    "training_ids": (
        "cityscapes",
        lambda path: scenes.draw_cityscapes(path, labels="labelTrainIds"),
        {"train": 4, "val": 3, "test": 1},
    ),
    "bdd100k": ("bdd100k", scenes.draw_bdd100k, {"train": 4, "val": 3}),
    "folder": ("folder", scenes.draw_folder, {"train": 6, "val": 2, "test": 3}),
    "folder_palette": (
        "folder",
        lambda path: scenes.draw_folder(path, "palette"),
        {"train": 6, "val": 2, "test": 3},
    ),
    "folder_colour": (
        "folder",
        lambda path: scenes.draw_folder(path, "colour", lists=True),
        {"train": 6, "val": 2, "test": 3},
    ),
}


# Clean datasets.


@pytest.mark.parametrize("layout", LAYOUTS)
def test_clean_scenes_have_no_errors(tmp_path, layout):
    dataset, draw, frames = LAYOUTS[layout]
    report = check(dataset, draw(tmp_path / "data"))
    assert report.errors == ()
    assert report.frames == frames
    assert set(_kinds(report.notes)) <= {"scale", "void"}
    assert report.dataset == dataset


def test_shares(folder):
    done = []
    report = check("camvid", folder, progress=lambda *now: done.append(now))
    assert done == [(number, 11) for number in range(1, 12)]
    for split in ("train", "val", "test"):
        dataset = open_dataset("camvid", folder, split)
        labels = np.concatenate([dataset.read(sample)[1].ravel() for sample in dataset.samples])
        valid = labels[labels != VOID]
        expected = [(valid == number).mean() for number in range(11)]
        np.testing.assert_allclose(report.shares[split], expected)
        assert report.void[split] == pytest.approx((labels == VOID).mean())
    assert report.space == dataset.space


def test_only_the_splits_asked_for(folder):
    report = check("camvid", folder, ["val"])
    assert report.frames == {"val": 2}


def test_a_pack_is_checked_too(tmp_path, folder):
    datasets = [open_dataset("camvid", folder, split) for split in ("train", "val")]
    write_pack(datasets, (36, 48), tmp_path / "camvid.h5")
    report = check("camvid", tmp_path / "camvid.h5")
    assert report.problems == ()
    assert report.frames == {"train": 6, "val": 2}


@pytest.mark.needs_shared
def test_labels_of_camvid_look_blurred_only_once_they_are(shared):
    root = shared / "camvid"
    files = sorted((root / "labels").glob("*.png"))[::12]
    files += sorted((root / "original_layout" / "LabeledApproved_full").glob("*.png"))
    assert len(files) > 60
    for place, path in enumerate(files):
        label = Image.open(path)
        soft, total = soft_borders(np.asarray(label))
        assert total > 10 * LEAST_BORDERS
        assert soft < 0.08 * total, path
        for scale in (0.5, 2) if place % 6 == 0 else ():
            size = [round(scale * side) for side in label.size]
            soft, total = soft_borders(np.asarray(label.resize(size, BILINEAR)))
            assert soft > 0.5 * total, path


# Files.


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_every_missing_file_is_named(folder, kind):
    gone = [next((folder / kind).glob(f"train_00{number}.*")) for number in (1, 4)]
    for path in gone:
        path.unlink()
    report = check("camvid", folder)
    assert _kinds(report.errors) == ["pair", "pair"]
    for path, problem in zip(gone, report.errors, strict=True):
        assert path.stem in problem.message
    assert str(gone[0]) in report.errors[0].message  # in the words of the reader
    other = "labels" if kind == "images" else "images"
    assert report.errors[1].file.parent == folder / other
    assert report.frames == {"val": 2, "test": 3, "train": 4}


def test_a_frame_without_both_files(folder):
    with (folder / "val.txt").open("a") as names:
        names.write("nowhere_1\nnowhere_2\n")
    report = check("camvid", folder)
    assert _kinds(report.errors) == ["pair", "pair"]
    assert "nowhere_1" in report.errors[0].message
    assert report.errors[1].message == (
        f"{folder / 'val.txt'}: names nowhere_2, which has neither image nor label"
    )


@pytest.mark.parametrize(
    ("dataset", "draw", "image", "label"),
    [
        (
            "cityscapes",
            scenes.draw_cityscapes,
            "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png",
            "gtFine/train/bochum/bochum_000001_000019_gtFine_labelIds.png",
        ),
        (
            "bdd100k",
            scenes.draw_bdd100k,
            "images/10k/train/train0002-0a0b0c0d.jpg",
            "labels/sem_seg/masks/train/train0000-0a0b0c0d.png",
        ),
        ("folder", scenes.draw_folder, "images/train/train_000.png", "masks/train/train_003.png"),
        (
            "camvid",
            scenes.draw_camvid_segnet,
            "train/0001TP_006690.png",
            "trainannot/0006R0_f00930.png",
        ),
        (
            "camvid",
            scenes.draw_camvid_original,
            "701_StillsRaw_full/0001TP_006690.png",
            "LabeledApproved_full/0006R0_f00930_L.png",
        ),
    ],
)
def test_missing_pairs_in_each_layout(tmp_path, dataset, draw, image, label):
    root = draw(tmp_path / "data")
    count = check(dataset, root).frames["train"]
    (root / image).unlink()
    (root / label).unlink()
    report = check(dataset, root)
    pairs = [problem for problem in report.errors if problem.kind == "pair"]
    assert len(pairs) == 2
    assert str(root / label) in " ".join(problem.message for problem in pairs)
    assert any(problem.message.endswith("a label without an image") for problem in pairs)
    assert len(report.errors) == 2
    assert report.frames["train"] == count - 2


@pytest.mark.parametrize("kind", ["image", "label"])
@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_truncated_file(folder, kind, kept):
    path = getattr(open_dataset("camvid", folder, "train").samples[3], kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    problem = _error(check("camvid", folder), "unreadable")
    assert problem.file == path
    assert problem.message.startswith(f"{path}: expected an image")


def test_all_faults_are_found_in_one_pass(folder):
    samples = open_dataset("camvid", folder, "train").samples
    samples[0].image.write_bytes(b"")
    _save(samples[0].label, np.full(scenes.SIZE, 77, np.uint8))
    samples[1].label.write_bytes(b"no picture")
    samples[2].label.unlink()
    (folder / "val.txt").write_text("\n")
    report = check("camvid", folder)
    assert _kinds(report.errors) == ["split", "pair", "unreadable", "unreadable", "ids"]
    for problem, file in zip(
        report.errors,
        ["val.txt", samples[2].name, samples[0].image, samples[1].label, samples[0].label],
        strict=True,
    ):
        assert str(file) in problem.message
    assert report.frames == {"test": 3, "train": 5}


def test_an_image_of_16_bits(folder):
    path = open_dataset("folder", scenes.draw_folder(folder / "own"), "val").samples[0].image
    Image.fromarray(np.zeros(scenes.SIZE, np.uint16)).save(path)
    assert not check("folder", folder / "own").errors


# Splits.


def test_an_empty_split(folder):
    (folder / "val.txt").write_text("\n")
    problem = _error(check("camvid", folder), "split")
    assert (
        problem.message
        == f"Expected at least one frame name in {folder / 'val.txt'}. Received: none"
    )


def test_a_split_that_is_not_there(folder):
    (folder / "test.txt").unlink()
    report = check("camvid", folder)
    assert report.errors == ()
    assert Problem("no split", folder, f"{folder}: no split test") in report.notes
    assert "test.txt" in _error(check("camvid", folder, ["train", "test"]), "split").message


def test_a_folder_without_what_training_wants(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", counts={"train": 2, "valid": 1})
    report = check("folder", root)
    assert Problem("no split", root, f"{root}: no split val") in report.notes
    assert not any("no split t" in problem.message for problem in report.notes)


def test_a_folder_without_the_dataset(tmp_path):
    with pytest.raises(ValueError, match=r"images and labels"):
        check("camvid", tmp_path)
    with pytest.raises(ValueError, match=r"nowhere.*no such file"):
        check("cityscapes", tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"Received: 'kitti'"):
        check("kitti", tmp_path)


def test_a_broken_table_of_classes_is_told_once(tmp_path):
    root = scenes.draw_folder(tmp_path / "own")
    (root / "classes.toml").write_text("[[class]]\n")
    assert "classes.toml" in _error(check("folder", root), "split").message


# Sizes.


def test_another_aspect_ratio(folder):
    path = open_dataset("camvid", folder, "train").samples[0].label
    _save(path, scenes.scene(0)[1][:, :90])
    problem = _error(check("camvid", folder), "size")
    assert problem.file == path
    assert "a label of 90x72 for the image" in problem.message
    assert "of 96x72: another aspect ratio" in problem.message


def test_the_same_aspect_ratio_is_a_note(folder):
    report = check("camvid", folder, ["train"])
    assert report.errors == ()
    # As drawn: images 1, 3, 5 and labels 2 and 5 are halved.
    assert [problem.file.stem for problem in report.notes] == [
        "train_001",
        "train_002",
        "train_003",
    ]
    assert set(_kinds(report.notes)) == {"scale"}


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((36, 48), "scale"),
        ((35, 47), "scale"),
        ((48, 64), "scale"),
        ((71, 96), "size"),
        ((36, 46), "size"),
    ],
)
def test_rounding_of_sides(folder, size, kind):
    path = open_dataset("camvid", folder, "test").samples[0].label
    Image.fromarray(scenes.scene(8)[1]).resize(size[::-1], NEAREST).save(path)
    report = check("camvid", folder, ["test"])
    assert kind in [problem.kind for problem in report.problems if problem.file == path]


def _ratios(report):
    return [problem.message for problem in report.problems if problem.kind == "ratio"]


def test_other_aspect_ratios_than_the_training_size(tmp_path):
    """A line for each in each split, with a count, an example and what will happen."""
    root = scenes.draw_folder(tmp_path / "own", size=(96, 54))
    assert _ratios(check("folder", root)) == []
    assert _ratios(check("folder", root, size=(192, 108))) == []
    report = check("folder", root, size=(480, 640))
    assert {problem.is_error for problem in report.problems if problem.kind == "ratio"} == {False}
    train, val = _ratios(report)[:2]
    count = report.frames["train"]
    assert f"of 96x54 (height x width), as {count} of {count} images in train; to keep" in train
    assert "padded with void to the training size of 480x640, 58% of it; --size 740x416" in train
    assert str(open_dataset("folder", root, "val").samples[0].image) in val


def test_mixed_aspect_ratios_are_counted_by_ratio(folder):
    assert _ratios(check("camvid", folder, ["train"], size=(72, 96))) == []  # some are halved
    samples = open_dataset("camvid", folder, "train").samples
    for sample, size in zip(samples, [(54, 96), (72, 72), (27, 48)], strict=False):
        Image.open(sample.image).resize(size).save(sample.image, lossless=True)
        Image.open(sample.label).resize(size, NEAREST).save(sample.label)
    portrait, square = _ratios(check("camvid", folder, ["train"], size=(72, 96)))
    assert f"{samples[0].image}: of 96x54 (height x width), as 2 of 6 images in train" in portrait
    assert "of 72x72 (height x width), as 1 of 6 images in train" in square


# Ids.


def test_unknown_ids_are_told_as_training_tells_them(folder):
    dataset = open_dataset("camvid", folder, "train")
    label = scenes.scene(4)[1].copy()
    label[0, 0], label[3, 3] = 11, 254
    _save(dataset.samples[4].label, label)
    with pytest.raises(ValueError, match=r"Received: 11, 254$") as raised:
        dataset.read(dataset.samples[4])
    problem = _error(check("camvid", folder), "ids")
    assert problem.message == str(raised.value)
    assert problem.file == dataset.samples[4].label


def test_unknown_colours_are_told_as_training_tells_them(tmp_path):
    root = scenes.draw_camvid_original(tmp_path / "camvid")
    dataset = open_dataset("camvid", root, "train")
    colours = scenes.original_colours(scenes.scene(1)[1])
    colours[5:8, 5:8] = 1, 2, 3
    _save(dataset.samples[1].label, colours)
    with pytest.raises(ValueError, match=r"Received: \(1, 2, 3\)$") as raised:
        dataset.read(dataset.samples[1])
    assert _error(check("camvid", root), "ids").message == str(raised.value)


def _label_ids_everywhere(root, files, number=0):
    for place, path in enumerate(sorted(files)):
        _save(path, scenes.street(number + place)[1])


def test_label_ids_where_training_ids_are_expected(tmp_path):
    root = scenes.draw_bdd100k(tmp_path / "bdd")
    _label_ids_everywhere(root, (root / "labels/sem_seg/masks/train").iterdir())
    report = check("bdd100k", root)
    (problem,) = [problem for problem in report.errors if problem.kind == "encoding"]
    assert problem.message == (
        f"{root}: the labels of train look like labelIds of cityscapes (4 of 4 hold ids from 19 "
        "on). Expected training ids of bdd100k"
    )
    assert _kinds(report.errors) == ["encoding"] + ["ids"] * 4


def test_label_ids_in_ones_own_data(tmp_path):
    root = tmp_path / "own"
    for number in range(3):
        for kind, pixels in zip(("images", "masks"), scenes.street(number)[:2], strict=True):
            (root / kind / "train").mkdir(parents=True, exist_ok=True)
            _save(root / kind / "train" / f"{number}.png", pixels)
    (root / "classes.toml").write_text(
        "".join(f'[[class]]\nname = "{name}"\n' for name in BDD100K.classes)
    )
    report = check("folder", root)
    assert _kinds(report.errors)[0] == "encoding"
    assert "look like labelIds of cityscapes (3 of 3" in report.errors[0].message


@pytest.mark.parametrize("void", [True, False])
def test_training_ids_where_label_ids_are_expected(tmp_path, void):
    root = scenes.draw_cityscapes(tmp_path / "city")
    for number, path in enumerate(sorted((root / "gtFine/val").glob("*/*labelIds.png"))):
        ids = scenes.street_training_ids(scenes.street(4 + number)[1])
        _save(path, np.where(ids == VOID, 0 if not void else VOID, ids).astype(np.uint8))
    report = check("cityscapes", root)
    (problem,) = [problem for problem in report.errors if problem.kind == "encoding"]
    assert problem.message == (
        f"{root}: the labels of val look like training ids of cityscapes (none holds an id from 19 "
        "on). Expected labelIds of cityscapes"
    )


def test_one_wrong_id_is_not_taken_for_another_kind(tmp_path):
    root = scenes.draw_bdd100k(tmp_path / "bdd")
    path = sorted((root / "labels/sem_seg/masks/train").iterdir())[0]
    label = np.asarray(Image.open(path)).copy()
    label[0, 0] = 30
    _save(path, label)
    assert _error(check("bdd100k", root), "ids").file == path


# Blurred labels.


@pytest.mark.parametrize("scale", [0.5, 0.6, 1.5, 2, 3])
def test_a_label_resized_bilinearly(folder, scale):
    path = open_dataset("camvid", folder, "train").samples[0].label
    _resized(path, scale, BILINEAR)
    problem = _error(check("camvid", folder), "blurred")
    assert problem.file == path
    assert problem.message.startswith(f"{path}: blurred, as by a bilinear resize (")


@pytest.mark.parametrize("scale", [0.5, 0.6, 1.5, 2, 3])
def test_a_label_resized_by_nearest_neighbour(folder, scale):
    _resized(open_dataset("camvid", folder, "train").samples[0].label, scale, NEAREST)
    assert "blurred" not in _kinds(check("camvid", folder).errors)


@pytest.mark.parametrize("scale", [0.5, 2])
@pytest.mark.parametrize("layout", ["cityscapes", "training_ids", "bdd100k", "camvid_original"])
def test_labels_resized_bilinearly_in_each_layout(tmp_path, layout, scale):
    dataset, draw, _ = LAYOUTS[layout]
    root = draw(tmp_path / "data")
    path = open_dataset(dataset, root, "train").samples[1].label
    _resized(path, scale, BILINEAR)
    assert _error(check(dataset, root, ["train"]), "blurred").file == path
    _resized(path, 1 / scale, NEAREST)


def test_blurred_colours_of_two_classes():
    """One border, whose one colour in between says little by itself."""
    colours = np.zeros((64, 64, 3), np.uint8)
    colours[20:, 31:] = 200, 10, 90
    small = np.asarray(Image.fromarray(colours).resize((32, 32), BILINEAR))
    assert soft_borders(colours)[0] == 0
    soft, total = soft_borders(small)
    assert total > 20
    assert soft > total / 3


def test_a_jpeg_renamed(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", "colour")
    path = open_dataset("folder", root, "val").samples[0].label
    Image.open(path).save(path, "jpeg", quality=60)
    problem = _error(check("folder", root), "blurred")
    assert problem.message.startswith(f"{path}: ")


def test_thin_objects_are_no_blur():
    """Poles of one and two pixels, whose index is between those of their sides."""
    label = np.zeros((80, 80), np.uint8)
    label[40:] = 10
    label[:, 10:70:12] = 5
    label[:, 11:70:24] = 5
    label[20:60, 30:50] = 2
    soft, total = soft_borders(label)
    assert soft < SOFT_SHARE * total


# What may be as it should be.


def test_a_label_that_is_void_throughout(folder):
    path = open_dataset("camvid", folder, "train").samples[0].label
    _save(path, np.full(scenes.SIZE, VOID, np.uint8))
    report = check("camvid", folder)
    assert report.errors == ()
    assert Problem("void", path, f"{path}: void throughout") in report.notes


def test_a_class_that_never_occurs(folder):
    for sample in open_dataset("camvid", folder, "val").samples:
        label = np.asarray(Image.open(sample.label)).copy()
        label[(label == 2) | (label == 8)] = 3
        _save(sample.label, label)
    report = check("camvid", folder)
    assert report.errors == ()
    (problem,) = [problem for problem in report.notes if problem.kind == "absent"]
    missing = "pole (index 2), car (index 8)"
    assert problem.message == f"{folder / 'labels'}: no pixel in val of: {missing}"


# The same image twice.


def _copied(folder, source, target):
    for kind in ("images", "labels"):
        (old,) = (folder / kind).glob(f"{source}.*")
        shutil.copy(old, folder / kind / f"{target}{old.suffix}")


def test_an_image_of_training_in_validation(folder):
    _copied(folder, "train_002", "val_001")
    problem = _error(check("camvid", folder), "leak")
    images = folder / "images"
    assert problem.message == (
        f"{images / 'val_001.webp'}: the same image in val as {images / 'train_002.webp'} in train"
    )


def test_the_same_pixels_in_another_file(tmp_path):
    root = scenes.draw_folder(tmp_path / "own")
    Image.open(root / "images/train/train_003.png").save(root / "images/val/val_000.bmp")
    (root / "images/val/val_000.png").unlink()
    assert _error(check("folder", root), "leak").file.name == "val_000.bmp"


def test_a_split_of_one_frame_is_a_trial(folder):
    _copied(folder, "train_002", "val_001")
    (folder / "val.txt").write_text("val_001\n")
    report = check("camvid", folder)
    assert report.errors == ()
    (problem,) = [problem for problem in report.warnings if problem.kind == "trial"]
    assert "val_001.webp: the same image in val as " in problem.message
    assert any(line == f"warning: {problem.message}" for line in report.lines(5))


def test_an_image_twice_in_a_split(folder):
    _copied(folder, "train_002", "train_004")
    report = check("camvid", folder)
    assert report.errors == ()
    (problem,) = [problem for problem in report.notes if problem.kind == "repeat"]
    assert problem.file.name == "train_004.webp"


def test_a_name_twice_in_a_list(folder):
    (folder / "val.txt").write_text("val_000\nval_001\nval_000\n")
    assert "repeat" in _kinds(check("camvid", folder).notes)


def test_an_image_that_was_compressed_again(folder):
    source, target = (folder / "images" / f"{name}.webp" for name in ("train_000", "val_001"))
    Image.open(source).save(target, quality=90)
    report = check("camvid", folder)
    assert report.errors == ()
    (problem,) = [problem for problem in report.notes if problem.kind == "similar"]
    assert problem.message == f"{target}: nearly the same image in val as {source} in train"


# The report.


def test_lines_are_counted_past_the_most():
    files = [Problem("ids", "x", f"{number}: bad") for number in range(7)]
    notes = [Problem("void", "x", f"{number}: void") for number in range(2)]
    report = Report("camvid", None, {}, {}, {}, (*files, *notes))
    assert list(report.lines(2)) == [
        "error: 0: bad",
        "error: 1: bad",
        "error: and 5 more labels with unknown ids",
        "note: 0: void",
        "note: 1: void",
    ]
    assert len(report.errors) == 7
    assert len(report.notes) == 2
    assert set(_kinds(report.problems)) <= set(KINDS)


def test_frames_are_read_in_threads(folder, monkeypatch):
    seen = set()
    meet = threading.Barrier(2, timeout=10)

    def look(dataset, sample):
        if sample.name in ("train_000", "train_001"):
            meet.wait()
        seen.add(threading.get_ident())
        return kept(dataset, sample)

    import scmnet_zoo.data.check as module

    kept = module.look_at
    monkeypatch.setattr(module, "look_at", look)
    assert check("camvid", folder, workers=2).frames["train"] == 6
    assert threading.get_ident() not in seen


def test_the_plot_shows_every_split(folder, tmp_path):
    report = check("camvid", folder, ["train", "val"])
    figure = plot_shares(report)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "val"]
    assert [text.get_text() for text in axes.get_yticklabels()] == list(report.space.classes)
    widths = [bar.get_width() for bar in axes.containers[0]]
    np.testing.assert_allclose(widths, 100 * report.shares["train"])
    left, right = axes.get_xlim()
    assert left < min(widths) < right
    figure.savefig(tmp_path / "shares.png")
    assert Image.open(tmp_path / "shares.png").size[0] == 800


def test_no_plot_of_nothing():
    with pytest.raises(ValueError, match="with shares"):
        plot_shares(Report("camvid", None, {}, {}, {}, ()))


def test_images_in_several_formats_are_noted(tmp_path):
    for name in ("a.png", "b.png", "c.avif"):
        for kind, suffix in (("images", name[1:]), ("masks", ".png")):
            path = tmp_path / kind / "train" / f"{name[0]}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((32, 48), np.uint8)
            pixels[:16] = 1
            _save(path, pixels)
    (tmp_path / "classes.toml").write_text('[[class]]\nname = "a"\n[[class]]\nname = "b"\n')
    report = check("folder", tmp_path)
    (note,) = [problem for problem in report.notes if problem.kind == "formats"]
    path = tmp_path / "images" / "train" / "c.avif"
    assert note.message == f"images of train are 2 .png, 1 .avif, such as {path}"
