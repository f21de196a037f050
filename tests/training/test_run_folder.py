"""What a run leaves in its folder, and which runs a folder takes."""

import dataclasses
import json
import math
import re
import shutil
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import scenes
from PIL import Image
from tensorboardX.proto.event_pb2 import Event
from testing_tools import assert_same_weights, run, toy
from training_tools import BACKEND, RUN, changed, hashes, metrics, trained

from scmnet_zoo.data import CAMVID, camvid, write_pack
from scmnet_zoo.training import read_recipe, train, trainer
from scmnet_zoo.training.recipe import tables_of
from scmnet_zoo.training.results import Results
from scmnet_zoo.weights import read_checkpoint

pytestmark = pytest.mark.long if BACKEND == "jax" else []


@pytest.fixture
def copy(finished, tmp_path):
    """A finished run's folder to spoil."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def untrained(monkeypatch):
    """Fails where frames are read or training begins."""

    def begun(*arguments, **named):
        raise AssertionError("the training began")

    monkeypatch.setattr(trainer, "fit", begun)
    monkeypatch.setattr(trainer, "source_of", begun)


# What there is.


def test_all_files_are_there(finished):
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*")}
    events = {name for name in names if name.startswith("tensorboard/")}
    assert len(events) == 3
    assert names - events == {
        ".lock",
        "recipe.toml",
        "run.json",
        "metrics.csv",
        "tensorboard",
        "curves.png",
        "confusion.png",
        "samples",
        "samples/epoch_00001.png",
        "samples/epoch_00002.png",
        "samples/epoch_00004.png",
        "last.safetensors",
        "best.safetensors",
        "state.safetensors",
    }


def test_metrics(finished):
    rows = metrics(finished)
    assert list(rows[0])[:5] == ["epoch", "step", "learning_rate", "loss", "seconds"]
    assert {"val_loss", "val_miou", "val_category_miou", "val_pixel_accuracy"} <= set(rows[0])
    assert {f"val_iou_{name}" for name in CAMVID.classes} <= set(rows[0])
    assert [(row["epoch"], row["step"]) for row in rows] == [
        ("1", "6"),
        ("2", "12"),
        ("3", "18"),
        ("4", "24"),
    ]
    assert all(math.isfinite(float(row["loss"])) for row in rows)
    assert [bool(row["val_miou"]) for row in rows] == [True, True, False, True]


def test_the_recipe(finished):
    assert read_recipe(finished / "recipe.toml") == RUN
    stated = tomllib.loads((finished / "recipe.toml").read_text())
    assert stated == tables_of(RUN)


def test_what_the_run_is(finished):
    facts = json.loads((finished / "run.json").read_text())
    assert (facts["network"], facts["dataset"], facts["seed"]) == ("toy", "camvid", 0)
    assert facts["weights"] is None
    assert set(facts["frames"]) == {"train", "val"}
    assert facts["frames"]["train"] != facts["frames"]["val"]
    (session,) = facts["sessions"]
    assert session


def _events(path):
    """The events of a TensorBoard file: length, its checksum, the event, its checksum."""
    content, place = path.read_bytes(), 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 8], "little")
        yield Event.FromString(content[place + 12 : place + 12 + length])
        place += length + 16


def test_tensorboard(finished):
    found = {}
    for path in sorted((finished / "tensorboard").iterdir()):
        events = list(_events(path))
        assert events[0].file_version == "brain.Event:2"
        for event in events:
            for value in event.summary.value:
                assert (value.tag, event.step) not in found
                found[value.tag, event.step] = value.simple_value
    expected = {
        (key.replace("val_", "val/", 1), int(row["epoch"])): float(value)
        for row in metrics(finished)
        for key, value in row.items()
        if value and key not in ("epoch", "step")
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-5, nan_ok=True), key


def test_pictures(finished):
    for path in finished.rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 3, path
    with Image.open(finished / "samples" / "epoch_00004.png") as sheet:
        assert sheet.size == (3 * 48 + 2 * 4, 36 + 4)  # a batch of validation holds one frame
        panels = np.asarray(sheet.convert("RGB"))
    colours = {tuple(c) for c in panels[:36, 52:100].reshape(-1, 3).tolist()}
    assert colours <= {*CAMVID.palette, (0, 0, 0)}
    assert (128, 64, 128) in colours  # road


@pytest.mark.parametrize("name", ["last", "best"])
def test_weights(finished, name):
    path = finished / f"{name}.safetensors"
    facts = read_checkpoint(path, "toy").metadata
    assert facts.network == "toy"
    assert facts.arguments == {"dropout": 0.2, "width": 6}
    assert facts.classes == CAMVID.classes
    assert (facts.normalisation.mean, facts.normalisation.std) == ((128.0,) * 3, (64.0,) * 3)
    assert facts.training_size == RUN.size
    network = toy(weights=path, width=6, dropout=0.2)
    assert "aux_stem_classifier" not in {layer.name for layer in network.layers}
    answer = run(network, scenes.scene(0)[0][None].astype("float32"))
    np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-5)
    best = max(float(row["val_miou"]) for row in metrics(finished) if row["val_miou"])
    if float(metrics(finished)[-1]["val_miou"]) == best:
        assert hashes(finished)["last.safetensors"] == hashes(finished)["best.safetensors"]


# Starting again.


def test_a_finished_run_returns_its_result(finished, copy, folder, toys, untrained):
    network = trained(folder, copy, RUN)
    assert_same_weights(network, toy(weights=finished / "last.safetensors", width=6, dropout=0.2))
    before, after = hashes(finished), hashes(copy)
    assert {key for key in after if after[key] != before.get(key)} == {"run.json"}
    assert len(json.loads((copy / "run.json").read_text())["sessions"]) == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recipe": changed(RUN, epochs=5)}, r"recipe differs in epochs \(4, not 5\)"),
        (
            {"recipe": changed(RUN, loss_dice=1.0, batch_size=2)},
            r"recipe differs in batch_size \(1, not 2\), loss\.dice \(0\.0, not 1\.0\)",
        ),
        ({"recipe": changed(RUN, arguments={"width": 6})}, r"network\.dropout \(0\.2, not None\)"),
        ({"seed": 1}, "whose seed is 0, not 1"),
        ({"network": "scmnet"}, "whose network is 'toy', not 'scmnet'"),
    ],
)
def test_another_run_is_refused(copy, folder, toys, untrained, changes, expected):
    before = hashes(copy)
    with pytest.raises(ValueError, match=rf"folder of the same run.*{copy}.*{expected}") as caught:
        trained(folder, copy, **{"recipe": RUN, **changes})
    assert "\n" not in str(caught.value)
    assert hashes(copy) == before


def test_other_weights_are_refused(copy, finished, folder, toys, untrained):
    with pytest.raises(ValueError, match=r"whose weights is None, not '[0-9a-f]{64}'"):
        trained(folder, copy, RUN, weights=finished / "last.safetensors")


def test_other_data_are_refused(copy, tmp_path, toys, untrained):
    data = scenes.draw(tmp_path / "other", {"train": 5, "val": 2, "test": 1})
    with pytest.raises(ValueError, match="whose frames is "):
        trained(data, copy, RUN)


def test_other_meanings_of_labels_are_refused(tmp_path, toys, untrained, monkeypatch):
    """The same files, but the table of classes says something else of them."""
    data = scenes.draw_folder(tmp_path / "own", size=RUN.size)
    table = data / "classes.toml"
    text, output = table.read_text(), tmp_path / "run"

    def start():
        return train("toy", "folder", data, output, RUN)

    with pytest.raises(AssertionError, match="began"):
        start()
    (output / "last.safetensors").write_bytes(b"")  # as if the run had come to a result
    names = re.findall(r'name = "(.*?)"', text)
    swapped = text.replace(f'"{names[0]}"', '"_"').replace(f'"{names[1]}"', f'"{names[0]}"')
    table.write_text(swapped.replace('"_"', f'"{names[1]}"'))
    with pytest.raises(ValueError, match=f"whose classes is .*{names[0]}.*, not .*{names[1]}"):
        start()
    index = re.findall(r"index = (\d+)", text)
    table.write_text(re.sub(rf"index = {index[0]}\b", "index = 250", text))
    with pytest.raises(ValueError, match="whose frames is "):
        start()
    table.write_text(text)
    with pytest.raises(AssertionError, match="began"):
        start()


def test_a_pack_with_other_labels_is_refused(tmp_path, folder, toys, untrained):
    packs = tmp_path / "a.h5", tmp_path / "b.h5"
    for path, flip in zip(packs, (False, True), strict=True):
        splits = [camvid(folder, split) for split in ("train", "val")]
        if flip:
            splits = [dataclasses.replace(one, read=_upside_down(one.read)) for one in splits]
        write_pack(splits, RUN.size, path)
    output = tmp_path / "run"
    with pytest.raises(AssertionError, match="began"):
        trained(packs[0], output, RUN)
    (output / "last.safetensors").write_bytes(b"")  # as if the run had come to a result
    with pytest.raises(ValueError, match="whose frames is "):
        trained(packs[1], output, RUN)
    with pytest.raises(AssertionError, match="began"):
        trained(shutil.copy(packs[0], tmp_path / "c.h5"), output, RUN)


def _upside_down(read):
    def turned(sample):
        image, label = read(sample)
        return image, label[::-1].copy()

    return turned


def test_a_folder_with_other_files_is_refused(folder, tmp_path, toys, untrained):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(ValueError, match=r"new folder for the run.*which holds other files"):
        trained(folder, tmp_path, RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match=r"Received: .*thesis\.tex, a file"):
        trained(folder, tmp_path / "thesis.tex", RUN)


@pytest.mark.parametrize("left", ["samples", "samples recipe.toml .run.77.part.json"])
def test_a_run_broken_off_before_it_said_what_it_is(folder, tmp_path, toys, monkeypatch, left):
    """Between the making of the folder and run.json."""
    monkeypatch.setattr(trainer, "fit", lambda *arguments: 1 / 0)
    (tmp_path / "samples").mkdir()
    for name in left.split()[1:]:
        (tmp_path / name).write_text("half of")
    with pytest.raises(ZeroDivisionError):
        trained(folder, tmp_path, RUN)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".lock", "samples", "recipe.toml", "run.json"}
    assert read_recipe(tmp_path / "recipe.toml") == RUN


def test_a_start_without_a_result_binds_to_nothing(folder, tmp_path, toys, monkeypatch):
    """Such as one that failed on a label: the mended data are other data."""
    data = shutil.copytree(folder, tmp_path / "data")
    label = next((data / "labels").glob("train_*.png"))
    content = label.read_bytes()
    label.write_bytes(content[:50])
    with pytest.raises(ValueError, match=rf"{label.name}: .*truncated"):
        trained(data, tmp_path / "run", RUN)
    label.write_bytes(content)
    monkeypatch.setattr(trainer, "fit", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(data, tmp_path / "run", changed(RUN, epochs=5), seed=3)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 3
    assert read_recipe(tmp_path / "run" / "recipe.toml").epochs == 5


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_that_another_process_writes_to(copy, folder, toys):
    arguments = [sys.executable, "-c", HOLD, copy / ".lock"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        before = hashes(copy)
        with pytest.raises(ValueError, match=rf"no run is writing to\. Received: {copy}$"):
            trained(folder, copy, RUN)
        assert hashes(copy) == before
        other.kill()
    trained(folder, copy, RUN)  # what a process held that was killed is free


def test_frames_of_a_loss_that_is_not_finite(copy):
    results = Results(SimpleNamespace(path=copy), None, None, None)
    assert results.not_finite(7, ["a", "b/c"]) == f"its frames are listed in {copy}/not_finite.txt"
    assert (copy / "not_finite.txt").read_text() == "step 7\na\nb/c\n"


def test_unfinished_files_are_removed(copy, folder, toys):
    """Those of a process that was killed while it wrote."""
    (copy / ".state.4711.part.safetensors").write_text("half of")
    (copy / "samples" / ".epoch_00004.4711.part.png").write_text("half of")
    before = hashes(copy)
    trained(folder, copy, RUN)
    assert before.keys() - hashes(copy).keys() == {
        ".state.4711.part.safetensors",
        "samples/.epoch_00004.4711.part.png",
    }


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_damaged_state(copy, folder, toys, untrained, length):
    path = copy / "state.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"state\.safetensors: cannot be read as the st") as caught:
        trained(folder, copy, RUN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.json", "{"), ("run.json", "[]"), ("run.json", "{}"), ("recipe.toml", "epochs =")],
)
def test_damaged_facts(copy, folder, toys, untrained, name, content):
    (copy / name).write_text(content)
    with pytest.raises(ValueError, match=name) as caught:
        trained(folder, copy, RUN)
    assert "\n" not in str(caught.value)
