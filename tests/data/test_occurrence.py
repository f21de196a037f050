"""Which classes labels hold: check, pack, training and evaluation say the same of it."""

import logging
import re

import numpy as np
import pytest
import scenes
from PIL import Image
from testing_tools import toy

from scmnet_zoo.data import open_dataset, write_pack
from scmnet_zoo.data.check import check
from scmnet_zoo.data.dataset import joined
from scmnet_zoo.data.loader import KEEPING, source_of, tally_of
from scmnet_zoo.data.occurrence import ENOUGH, Tally, check_learned, check_measured, counts_of
from scmnet_zoo.evaluation import FULL, evaluate

SIZE = (36, 48)
TWO = ("background", "road")
THREE = ("background", "road", "car")


def draw(root, classes, masks, head="", keys=None):
    """A folder dataset: masks by split, each a list of the values of its bands."""
    root.mkdir(parents=True)
    keys = keys or [""] * len(classes)
    rows = [f'[[class]]\nname = "{n}"\n{key}\n' for n, key in zip(classes, keys, strict=True)]
    (root / "classes.toml").write_text(head + "".join(rows))
    rng = np.random.default_rng(0)
    for split, values in masks.items():
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for number, bands in enumerate(values):
            image = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
            Image.fromarray(image).save(root / f"images/{split}/{number}.png")
            rows = np.resize(np.repeat(np.uint8(bands), SIZE[0] // len(bands)), SIZE[0])
            mask = np.broadcast_to(rows[:, None], SIZE)
            Image.fromarray(mask.copy()).save(root / f"masks/{split}/{number}.png")
    return root


def tallies(root, splits=("train", "val")):
    return [tally_of(source_of(open_dataset("folder", root, s), SIZE), SIZE) for s in splits]


def measured(root, split="val"):
    """What evaluation says of a split."""
    dataset = open_dataset("folder", root, split)
    return evaluate(toy(num_classes=len(dataset.space.classes)), dataset, FULL, SIZE)


def both(*bands):
    return {"train": [bands, bands], "val": [bands, bands]}


# Masks of 0 and 255


def test_a_binary_mask_of_255_is_refused_everywhere(tmp_path):
    root = draw(tmp_path / "own", TWO, both(0, 255))
    mend = "write index = 0 for 'background' and index = 255 for 'road'; if it is void, write "
    mend += "void_indices = [255]"
    (problem,) = check("folder", root).errors
    assert problem.kind == "assumed"
    assert problem.message.startswith(f"{root / 'masks/train/0.png'}: holds 255, which the table")
    assert problem.message.endswith(mend)
    with pytest.raises(ValueError, match=re.escape(problem.message)):
        check_learned(*tallies(root))
    with pytest.raises(ValueError, match=r"val/0\.png: holds 255, .*index = 255 for 'road'"):
        measured(root)
    datasets = [open_dataset("folder", root, split) for split in ("train", "val")]
    with pytest.raises(ValueError, match=re.escape(problem.message)):
        write_pack(datasets, SIZE, tmp_path / "own.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


@pytest.mark.parametrize(
    ("classes", "bands", "keys", "head"),
    [
        (TWO, (0, 255), ["index = 0", "index = 255"], ""),
        (TWO, (255, 0), ["index = 255", "index = 0"], ""),
        (TWO, (0, 1), None, ""),
        (TWO, (0, 1, 255), None, ""),
        (TWO, (1, 255, 0), ["index = 0", "index = 1"], "void_indices = [255]\n"),
        (THREE, (0, 1, 255), ["index = 0", "index = 1", "index = 255"], ""),
        (TWO, (0, 255), ["colour = [0, 0, 0]", "colour = [255, 255, 255]"], ""),
    ],
)
def test_what_is_clear_is_read(tmp_path, caplog, classes, bands, keys, head):
    root = draw(tmp_path / "own", classes, both(*bands), head, keys)
    assert check("folder", root).errors == ()
    assert not [p for p in check("folder", root).problems if p.kind == "absent"]
    check_learned(*tallies(root))
    assert caplog.text == ""
    assert measured(root).warnings == ()


@pytest.mark.parametrize(
    ("classes", "bands", "keys", "words"),
    [
        (TWO, (1, 255), None, "index = 255 for 'background' and index = 1 for 'road'"),
        (TWO, (0, 255), ["index = 0", "index = 1"], "index = 255 for 'road'"),
        (TWO, (255,), None, "if 255 is a class, write index = 255 for it"),
        (THREE, (0, 1, 255), None, "index = 255 for 'car', and the index of each other class"),
        (THREE, (0, 255), None, "if 255 is a class, write index = 255 for it, and the index of"),
    ],
)
def test_255_where_a_class_is_missing(tmp_path, classes, bands, keys, words):
    root = draw(tmp_path / "own", classes, both(*bands), keys=keys)
    (problem,) = check("folder", root).errors
    assert problem.kind == "assumed"
    assert words in problem.message
    with pytest.raises(ValueError, match="holds 255"):
        check_learned(*tallies(root))


def test_void_is_void_where_all_classes_occur_in_one_split(tmp_path, caplog):
    masks = {"train": [(0, 1, 2, 255)], "val": [(0, 1, 255)]}
    root = draw(tmp_path / "own", THREE, masks)
    report = check("folder", root)
    assert report.errors == ()
    (problem,) = [one for one in report.notes if one.kind == "absent"]
    assert problem.message == f"{root / 'masks/val'}: no pixel in val of: car (index 2)"
    check_learned(*tallies(root))
    assert "no pixel in val of: car (index 2)" in caplog.text


def test_an_evaluation_of_several_classes_only_warns(tmp_path):
    """A split may lack a class; the table's void is as it is documented."""
    root = draw(tmp_path / "own", THREE, both(0, 1, 255))
    warnings = measured(root).warnings
    assert any("holds 255" in line and "void_indices = [255]" in line for line in warnings)


def test_void_that_the_table_names_leaves_one_class(tmp_path):
    keys = ["index = 0", "index = 1"]
    root = draw(tmp_path / "own", TWO, both(0, 255), "void_indices = [255]\n", keys)
    (problem,) = check("folder", root).errors
    assert problem.kind == "single"
    assert "'background' alone, no pixel of: road (index 1)" in problem.message
    with pytest.raises(ValueError, match="'background' alone, no pixel of: road"):
        check_learned(*tallies(root))


def test_an_index_that_the_table_does_not_name(tmp_path):
    root = draw(tmp_path / "own", TWO, both(0, 1, 128))
    messages = [problem.message for problem in check("folder", root).errors]
    assert len(messages) == 4
    assert all(
        "Received: 128; give the class that each stands for its index" in m for m in messages
    )
    assert all("void_indices" in message for message in messages)


# One class in a split


@pytest.mark.parametrize(("bands", "name"), [((0,), "background"), ((1, 1), "road")])
def test_one_class_in_training_is_an_error(tmp_path, bands, name):
    root = draw(tmp_path / "own", TWO, {"train": [bands], "val": [(0, 1)]})
    (problem,) = check("folder", root).errors
    assert (problem.kind, problem.file) == ("single", root / "masks/train/0.png")
    assert f"Received: {name!r} alone, no pixel of: " in problem.message
    with pytest.raises(ValueError, match=re.escape(problem.message)):
        check_learned(*tallies(root))


def test_one_class_in_validation_is_a_warning(tmp_path, caplog):
    root = draw(tmp_path / "own", TWO, {"train": [(0, 1)], "val": [(0,), (0,)]})
    report = check("folder", root)
    assert report.errors == ()
    (problem,) = report.warnings
    assert problem.kind == "lone"
    assert next(iter(report.lines(5))) == f"warning: {problem.message}"
    check_learned(*tallies(root))
    assert problem.message in caplog.text
    scores = measured(root)
    assert scores.warnings == (problem.message,)
    assert caplog.text.count(problem.message) == 2


def test_void_throughout(tmp_path, caplog):
    masks = {"train": [(255,)], "val": [(0, 1)]}
    root = draw(tmp_path / "own", TWO, masks, "void_indices = [255]\n")
    with pytest.raises(ValueError, match="Received: void throughout, no pixel of: background"):
        check_learned(*tallies(root))
    (problem,) = check("folder", root).errors
    assert "void throughout" in problem.message


def test_one_class_in_a_pack(tmp_path, caplog):
    root = draw(tmp_path / "own", TWO, {"train": [(0,)], "val": [(0, 1)]})
    datasets = [open_dataset("folder", root, split) for split in ("train", "val")]
    write_pack(datasets, SIZE, tmp_path / "own.h5")
    assert "'background' alone, no pixel of: road" in caplog.text
    (problem,) = check("folder", tmp_path / "own.h5").errors
    assert "own.h5/train/labels/0 and the other labels of train: expected two" in problem.message
    with pytest.raises(ValueError, match="'background' alone, no pixel of: road"):
        check_learned(*tallies(tmp_path / "own.h5"))


def test_several_splits_to_learn_from(tmp_path):
    """Each for itself may hold one class."""
    masks = {"train": [(0,)], "more": [(1,)], "val": [(0, 1)]}
    root = draw(tmp_path / "own", TWO, masks)
    parts = joined([open_dataset("folder", root, split) for split in ("train", "more")])
    train = tally_of(source_of(parts, SIZE), SIZE)
    check_learned(train, *tallies(root, ["val"]))
    only = joined([open_dataset("folder", root, split) for split in ("train", "train")])
    with pytest.raises(ValueError, match=r"labels of train\+train: expected two classes"):
        check_learned(tally_of(source_of(only, SIZE), SIZE), *tallies(root, ["val"]))


def test_classes_that_were_left_out_do_not_count(tmp_path):
    root = draw(tmp_path / "own", THREE, both(0, 1))
    dataset = open_dataset("folder", root, "val")
    tally = tally_of(source_of(dataset, SIZE), SIZE)
    assert check_measured(tally, [2]) == ()
    assert "car (index 2)" in check_measured(tally)[0]
    assert "'road' alone" in check_measured(tally, [0])[0]


# What is read for it


@pytest.mark.parametrize("keep", KEEPING)
def test_reading_ends_once_all_classes_are_seen(tmp_path, keep):
    root = draw(tmp_path / "own", TWO, {"train": [(0,), (0, 1), (0,), (0,)], "val": [(0, 1)]})
    source = source_of(open_dataset("folder", root, "train"), SIZE, keep)
    tally = tally_of(source, SIZE)
    assert tally.frames == 2
    assert tally.classes.tolist() == [SIZE[0] * SIZE[1] * 3 // 2, SIZE[0] * SIZE[1] // 2]


@pytest.mark.parametrize(
    ("head", "bands", "frames"),
    [
        ("", (0, 1), ENOUGH),  # the third class is rare: said of so many
        ("", (0, 0), ENOUGH + 9),  # one class: training would be refused
        ("", (0, 255, 1), ENOUGH + 9),  # 255 may be the third class
        ("void_indices = [255]\n", (0, 255, 1), ENOUGH),
    ],
)
def test_rare_classes_are_looked_for_in_some_frames(tmp_path, head, bands, frames):
    root = draw(tmp_path / "own", THREE, {"train": [bands]}, head)
    dataset = open_dataset("folder", root, "train")
    counts = counts_of(dataset.read(dataset.samples[0])[1])
    tally = Tally(dataset)
    for _ in range(ENOUGH + 9):
        tally.add(dataset.samples[0], counts)
        if tally.is_settled():
            break
    assert tally.frames == frames


def test_void_beside_a_frame_is_no_void_of_its_label(tmp_path, caplog):
    """Frames of another aspect ratio get void at their sides."""
    root = draw(tmp_path / "own", THREE, both(0, 1))
    size = (SIZE[0], 2 * SIZE[1])
    datasets = [open_dataset("folder", root, split) for split in ("train", "val")]
    tallies = [tally_of(source_of(dataset, size), size) for dataset in datasets]
    assert not any(tally.counts[255] for tally in tallies)
    check_learned(*tallies)
    assert "holds 255" not in caplog.text
    assert "no pixel in train or val of: car (index 2)" in caplog.text
    write_pack(datasets, size, tmp_path / "own.h5")


def test_camvid_is_as_it_was(tmp_path, caplog):
    root = scenes.draw(tmp_path / "camvid")
    sources = [source_of(open_dataset("camvid", root, split), SIZE) for split in ("train", "val")]
    check_learned(*(tally_of(source, SIZE) for source in sources))
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_split_without_a_whole_frame_beside_a_good_one(tmp_path):
    root = draw(tmp_path / "own", TWO, both(0, 1))
    for path in (root / "masks/val").iterdir():
        path.unlink()
    assert {problem.kind for problem in check("folder", root).errors} == {"pair"}


def test_of_many_classes_without_a_pixel_some_are_named(tmp_path):
    classes = [f"class {number}" for number in range(60)]
    root = draw(tmp_path / "own", classes, both(0, 1))
    (found,) = [p.message for p in check("folder", root).warnings if p.kind == "missing"]
    assert "class 21 (index 21) and 38 more;" in found


def test_a_class_in_no_split_is_a_loud_warning_with_its_mend(tmp_path, caplog):
    root = draw(tmp_path / "own", THREE, both(0, 1))
    (problem,) = check("folder", root).warnings
    assert problem.kind == "missing"
    said = f"{root / 'masks/train'}: no pixel in train or val of: car (index 2)"
    assert problem.message.startswith(said)
    assert "Correct the index or colour of the class" in problem.message
    check_learned(*tallies(root))
    assert said in caplog.text
    (warning,) = check_measured(tallies(root)[1])
    assert "no pixel in val of: car (index 2)" in warning
    assert "remove the class" in warning
