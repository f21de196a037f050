"""The script that measures candidates of SCMNet's CamVid recipe, with a toy for the network."""

import csv
import dataclasses
import functools
import sys

import pytest
import scenes
from scripts import load_script
from testing_tools import toy

from scmnet_zoo.evaluation import Protocol
from scmnet_zoo.training import shipped_recipe, start, teachers, with_size
from scmnet_zoo.training.start import check_arguments
from scmnet_zoo.weights import read_checkpoint


@pytest.fixture(scope="module")
def script():
    return load_script("camvid_recipe")


@pytest.mark.needs_shared
@pytest.mark.parametrize(("drive", "count"), [("0006R0", 101), ("0001TP", 62), ("0016E5", 204)])
def test_no_frame_of_validation_or_test(script, shared, drive, count):
    train, held_out = script.frames(shared / "camvid", drive)
    ours = [[sample.name for sample in part.samples] for part in (train, held_out)]
    assert [len(names) for names in ours] == [367 - count, count]
    lists = {
        split: (shared / "camvid" / f"{split}.txt").read_text().split()
        for split in ("train", "val", "test")
    }
    assert sorted(ours[0] + ours[1]) == sorted(lists["train"])
    assert {name.split("_")[0] for name in ours[1]} == {drive}
    for part in (train, held_out):
        read = {path.stem for sample in part.samples for path in (sample.image, sample.label)}
        assert read.isdisjoint(lists["val"] + lists["test"])


def test_only_the_training_list_is_read(script, tmp_path):
    folder = scenes.draw(tmp_path / "camvid", {"train": 3})
    train, held_out = script.frames(folder)
    assert (len(train.samples), len(held_out.samples)) == (3, 0)


def test_the_candidates(script):
    shipped = shipped_recipe("scmnet", "camvid")
    small = dataclasses.replace(shipped.augmentation, crop=(360, 480))
    assert script.recipe_of("baseline") == dataclasses.replace(
        shipped, epochs=137, validations=1, augmentation=small
    )
    recipes = [script.recipe_of(name) for name in script.candidates()]
    for recipe in recipes:
        check_arguments("scmnet", recipe)
        assert (recipe.size, recipe.epochs) == ((720, 960), 137 * recipe.batch_size // 12)
    others = {
        name for name, change in script.candidates().items() if not {"start", "scenes"} & {*change}
    }
    assert len({repr(script.recipe_of(name)) for name in others}) == len(others)
    with pytest.raises(ValueError, match=r"among baseline, .*Received: 'base'"):
        script.recipe_of("base")


@pytest.fixture
def rows(script, tmp_path, monkeypatch):
    """Runs the script with the toy for the network, and reads the results."""
    folder = scenes.draw(tmp_path / "camvid", {"train": 6})
    for module in (start, teachers):
        monkeypatch.setattr(
            module, "factory_of", lambda network: functools.partial(toy, network=network)
        )
    monkeypatch.setattr(script, "DRIVES", ("train_004", "train_005"))
    monkeypatch.setattr(script, "CAMVID_A", Protocol("A", (36, 48), False, "small"))
    monkeypatch.setattr(script, "CAMVID_B", Protocol("B", (72, 96), True, "small"))
    whole = script.recipe_of

    def small(name, epochs):
        recipe = dataclasses.replace(with_size(whole(name, epochs), (72, 96)), batch_size=2)
        loss = dataclasses.replace(recipe.loss, auxiliary=0.0)  # the toy has no such heads
        return dataclasses.replace(recipe, precision="float32", arguments={}, loss=loss)

    monkeypatch.setattr(script, "recipe_of", small)
    results = tmp_path / "results.csv"

    def run(*runs):
        monkeypatch.setattr(sys, "argv", ["", str(folder), str(results), "--epochs=2", *runs])
        script.main()
        with results.open(newline="") as file:
            return list(csv.DictReader(file))

    return run


def test_a_row_for_each_run(rows, tmp_path):
    """Those that are among the results are not repeated."""
    first = rows("baseline:0")
    assert [(row["candidate"], row["seed"], row["steps"]) for row in first] == [
        ("baseline", "0", "4")
    ]
    assert 0 <= float(first[0]["miou"]) <= 100
    assert 0 <= float(first[0]["miou_b"]) <= 100
    assert 0 <= float(first[0]["bicyclist"]) <= 100
    assert float(first[0]["loss"]) > 0
    assert first[0]["device"]
    both = rows("baseline:0", "no_mix:1")
    assert both[0] == first[0]
    assert [(row["candidate"], row["seed"]) for row in both[1:]] == [("no_mix", "1")]
    other = rows("baseline:0", "--held-out=train_005", f"--keep={tmp_path / 'kept'}")
    kept = read_checkpoint(tmp_path / "kept" / "baseline_0.safetensors", "scmnet")
    assert len(kept.metadata.classes) == 11
    assert other[:2] == both
    (row,) = other[2:]
    assert (row["candidate"], row["seed"], row["held_out"]) == ("baseline", "0", "train_005")
    assert row["miou_b"] == ""  # that frame is not there at full size


def test_what_lies_in_the_folder(rows, script, tmp_path, monkeypatch):
    """Weights to start from, those of teachers, and scenes to learn from beside the frames."""
    monkeypatch.setattr(
        script,
        "candidates",
        lambda: {
            "baseline": {},
            "again": {"start": "baseline_0"},
            "taught": {"teachers": ["baseline_0", "again_0"], "loss": {"teachers": 1.0}},
            "beside": {"scenes": "scenes"},
        },
    )
    kept = f"--keep={tmp_path / 'kept'}"
    with pytest.raises(ValueError, match=r"with baseline_0.safetensors for again. .* --keep$"):
        rows("again:0")
    with pytest.raises(ValueError, match=r"with scenes for beside. Received: .*kept, which has"):
        rows("beside:0", kept)
    scenes.draw(tmp_path / "kept" / "scenes", {"train": 3})
    found = rows("baseline:0", "again:0", "taught:0", "beside:0", kept, "--epochs=4")
    assert [row["candidate"] for row in found] == ["baseline", "again", "taught", "beside"]
    losses = [float(row["loss"]) for row in found]
    assert losses[1] < losses[0]  # it has learned before
    assert losses[2] > losses[0] + 0.1  # and what the teachers' part of the loss adds
    assert losses[3] not in losses[:3]
    assert [row["steps"] for row in found] == ["8", "8", "8", "8"]


def test_steps_beside_scenes(script, tmp_path):
    """A third of the frames are drawn, so two thirds of the passes are as many steps."""
    train, _ = script.frames(scenes.draw(tmp_path / "camvid", {"train": 6}))
    scenes.draw(tmp_path / "scenes", {"train": 3})
    recipe = script.recipe_of("beside", 90)
    candidate = script.candidate_of("beside", recipe, train, tmp_path)
    assert len(candidate.frames.samples) == 9
    assert candidate.recipe == dataclasses.replace(recipe, epochs=60)
    assert script.candidate_of("baseline", recipe, train, None).frames is train
