"""The script that draws street scenes in CamVid's layout."""

import subprocess
import sys

import numpy as np
import pytest
from scripts import FOLDER, load_script

from scmnet_zoo.data import CAMVID, VOID, camvid

SCRIPT = FOLDER / "camvid_drawn.py"
KNOWN = {*range(len(CAMVID.classes)), VOID}


@pytest.fixture(scope="module")
def script():
    return load_script("camvid_drawn")


def run(folder, *options):
    """The script in a process of its own."""
    command = [sys.executable, str(SCRIPT), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def content(folder):
    """The bytes of the files by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def drawn(script, tmp_path_factory):
    """A folder of ten frames for training and two for validation."""
    folder = tmp_path_factory.mktemp("drawn") / "scenes" / "new"
    done = run(folder, "--frames=10", "--validation=2", "--workers=1")
    assert done.returncode == 0, done.stderr
    return folder


def test_read_as_camvid(drawn):
    found = set()
    for split, count in (("train", 10), ("val", 2)):
        dataset = camvid(drawn, split)
        assert len(dataset.samples) == count
        for sample in dataset.samples:
            image, label = dataset.read(sample)
            assert (image.shape, label.shape) == ((720, 960, 3), (720, 960))
            assert set(np.unique(label)) <= KNOWN
            found |= set(np.unique(label))
    assert found >= set(range(len(CAMVID.classes)))


def test_no_frame_in_both_lists(drawn):
    lists = [(drawn / f"{split}.txt").read_text().split() for split in ("train", "val")]
    assert [len(set(names)) for names in lists] == [10, 2]
    assert set(lists[0]).isdisjoint(lists[1])
    for folder in ("images", "labels"):
        names = [path.stem for path in (drawn / folder).iterdir()]
        assert sorted(names) == sorted(lists[0] + lists[1])


def test_the_seed_decides(script, drawn, tmp_path):
    done = run(tmp_path, "--frames=1", "--validation=1", "--workers=2")
    assert done.returncode == 0, done.stderr
    whole = content(drawn)
    again = {name: value for name, value in content(tmp_path).items() if name[-4:] != ".txt"}
    assert len(again) == 4
    assert all(whole[name] == value for name, value in again.items())
    first, same, other = script.Scene(0, 0), script.Scene(0, 0), script.Scene(1, 0)
    for name in ("image", "label"):
        pixels = [np.asarray(getattr(scene, name)) for scene in (first, same, other)]
        assert (pixels[0] == pixels[1]).all()
        assert (pixels[0] != pixels[2]).any()


@pytest.mark.parametrize("opacity", [255, 60])
def test_one_polygon_in_image_and_label(script, opacity):
    """What changes in the image is what changes in the label."""
    scene = script.Scene(0, 0)
    for corners in np.random.default_rng(0).uniform(-100, 1000, (40, 5, 2)):
        scene.image.paste((255, 255, 255), (0, 0, *scene.image.size))
        scene.label.paste(script.IDS["void"], (0, 0, *scene.image.size))
        pens = script.ImageDraw.Draw(scene.image), script.ImageDraw.Draw(scene.image, "RGBA")
        scene.pens, scene.label_pen = pens, script.ImageDraw.Draw(scene.label)
        scene.paint("car", corners, (10, 20, 30), opacity)
        changed = (np.asarray(scene.image) != 255).any(axis=-1)
        assert (changed == (np.asarray(scene.label) == script.IDS["car"])).all()


def test_a_folder_with_something_in_it_stays(script, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        done = run(place, "--frames=1", "--validation=1")
        assert done.returncode != 0
        assert done.stderr.count("\n") == 1
        assert str(place) in done.stderr
        assert content(tmp_path) == {"notes.txt": b"mine"}
