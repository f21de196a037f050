"""The script that measures candidates of the CamVid recipes, with a toy for the network."""

import csv
import dataclasses
import functools
import sys

import numpy as np
import pytest
import scenes
from testing_tools import toy

from lab.camvid import recipe
from scmnet_zoo import loading
from scmnet_zoo.evaluation import Protocol
from scmnet_zoo.training import find_recipe, shipped_recipe, start, with_size
from scmnet_zoo.training.start import check_arguments
from scmnet_zoo.weights import read_checkpoint


@pytest.fixture(scope="module")
def script():
    return recipe


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
    candidates = script.candidates()
    for name, change in candidates.items():
        recipe = script.recipe_of(name)
        check_arguments(change.get("model", "scmnet"), recipe)
        assert (recipe.size, recipe.validations) == ((720, 960), 1)
        if "recipe" not in change:
            assert recipe.epochs == change.get("epochs", 137 * recipe.batch_size // 12)
    others = ("model", "start", "after", "teachers", "scenes")
    runs = [
        (repr(script.recipe_of(name)), *(str(change.get(key)) for key in others))
        for name, change in candidates.items()
    ]
    assert len(set(runs)) == len(runs)
    for change in candidates.values():
        assert change.get("after", "baseline") in candidates
    with pytest.raises(ValueError, match=r"among baseline, .*Received: 'base'"):
        script.recipe_of("base")


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("fastscnn", "fastscnn_camvid"),
        ("contextnet", "contextnet_camvid"),
        ("mobilenet_v2", "deeplabv3plus_camvid_mobilenet_v2"),
    ],
)
def test_the_other_networks_are_their_recipes_shortened(script, name, recipe):
    for candidate, shipped in ((name, recipe), (f"{name}_drawn_hints", f"{recipe}_hints")):
        shipped = find_recipe(shipped)
        small = dataclasses.replace(shipped.augmentation, crop=(360, 480))
        assert script.recipe_of(candidate) == dataclasses.replace(
            shipped, epochs=137, validations=1, augmentation=small
        )
    assert script.candidates()[f"{name}_drawn_hints"]["start"] == f"{name}_drawn"


def test_epochs_of_a_candidates_own_stay(script):
    after, whole = (script.recipe_of("whole_after_hints", epochs) for epochs in (137, 5))
    assert after == whole
    assert (whole.epochs, whole.batch_size, whole.augmentation.crop) == (20, 6, (720, 960))
    assert script.recipe_of("hints", 5).epochs == 5


def test_a_candidate_of_another_recipe(script, monkeypatch):
    """It is as shipped, whatever the others' epochs and crop, but for its changes."""
    name = "deeplabv3plus_camvid_efficientnet_lite2"
    shipped = dataclasses.replace(find_recipe(name), validations=1)
    teacher = {"model": "deeplabv3plus", "recipe": name}
    changed = {**teacher, "epochs": 3, "optimiser": {"ema": 0.5}}
    monkeypatch.setattr(script, "candidates", lambda: {"teacher": teacher, "changed": changed})
    assert script.recipe_of("teacher", 5) == shipped
    optimiser = dataclasses.replace(shipped.optimiser, ema=0.5)
    expected = dataclasses.replace(shipped, epochs=3, optimiser=optimiser)
    assert script.recipe_of("changed", 5) == expected


@pytest.fixture
def rows(script, tmp_path, monkeypatch):
    """Runs the script with the toy for the network, and reads the results."""
    folder = scenes.draw(tmp_path / "camvid", {"train": 6})
    for module in (loading, start):
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
    candidate = script.candidate_of("beside", 0, recipe, train, tmp_path)
    assert len(candidate.frames.samples) == 9
    assert candidate.recipe == dataclasses.replace(recipe, epochs=60)
    assert script.candidate_of("baseline", 0, recipe, train, None).frames is train


def test_after_the_run_of_the_same_seed(script, rows, tmp_path, monkeypatch):
    """It starts from the weights that this has left, and keeps its own beside them."""
    change = {"after": "baseline", "epochs": 3, "optimiser": {"learning_rate": 1e-6}}
    monkeypatch.setattr(script, "candidates", lambda: {"baseline": {}, "later": change})
    folder, started = tmp_path / "kept", []
    whole = script.training_network

    def network(name, recipe, classes, weights):
        started.append((name, weights))
        return whole(name, recipe, classes, weights)

    monkeypatch.setattr(script, "training_network", network)
    kept = f"--keep={folder}"
    rows("baseline:0", "baseline:1", kept)
    with pytest.raises(ValueError, match=r"with baseline_2.safetensors for later. Received: "):
        rows("later:2", kept)
    found = rows("later:1", kept)
    assert started == [
        ("scmnet", None),
        ("scmnet", None),
        ("scmnet", folder / "baseline_1.safetensors"),
    ]
    assert found[-1]["steps"] == "6"
    first, other, later = (
        read_checkpoint(folder / f"{name}.safetensors", "scmnet").tensors["head_classifier/kernel"]
        for name in ("baseline_0", "baseline_1", "later_1")
    )
    assert np.abs(later - other).max() < 1e-3 < np.abs(later - first).max()


def test_a_run_of_another_network(script, rows, tmp_path, monkeypatch):
    """Its weights say whose they are."""
    change = {"model": "deeplabv3plus", "recipe": "deeplabv3plus_camvid_efficientnet_lite2"}
    change["epochs"] = 2
    monkeypatch.setattr(script, "candidates", lambda: {"teacher": change})
    (row,) = rows("teacher:0", f"--keep={tmp_path / 'kept'}")
    assert (row["candidate"], row["steps"]) == ("teacher", "4")
    kept = read_checkpoint(tmp_path / "kept" / "teacher_0.safetensors", "deeplabv3plus")
    assert kept.metadata.network == "deeplabv3plus"
