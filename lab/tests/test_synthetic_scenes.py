"""Synthetic street scenes in CamVid's layout."""

import hashlib
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lab.camvid.scenes import IDS, Canvas, __main__, draw_scene
from scmnet_zoo.data import CAMVID, VOID, camvid

KNOWN = {*range(len(CAMVID.classes)), VOID}
# SHA-256 of image and label of scenes (seed, number), as they were drawn for the shipped weights.
SHIPPED = {
    (0, 0): (
        "6e7ea8f14f27768e510f9b862e21d6b23c2a3e81b785711a0a722c1d10667299",
        "f8a77f0dcdc5ca28efa5700c550efe9f502ed8a1568cee434c142a1287af552e",
    ),
    (0, 1): (
        "824c02d3f04ffa2051d9d39ed2098464cfa0d154cfcfb5ca41c915e772bba7e1",
        "47835c3879ff6fc8f0745bc31843d657385f79264bc83aba9c7f6fbfbd3a8c8b",
    ),
    (0, 7): (
        "9949435da69b0dc5a97e07816a2efc4b5eca4798a00bf93a616ca637cdd7801e",
        "cb95f91fc4ae507fd81d9d2e7635419633e5575d7a58c3531467f43cf28344a5",
    ),
    (5, 12): (
        "b3f21a760cf5299161afc9cf179760cd60b22d86ccbf6960fb571d9dcd0a7876",
        "ae1ffdcb2d4396bb26f9bb6412040800bc276c4955137f6d78f5ff18e6ee0bea",
    ),
}


def write(monkeypatch, folder, *options):
    """Run the command in this process."""
    monkeypatch.setattr(sys, "argv", ["scenes", str(folder), *options])
    __main__.main()


def content(folder):
    """The bytes of the files by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of ten frames for training and two for validation."""
    folder = tmp_path_factory.mktemp("synthetic") / "scenes" / "new"
    with pytest.MonkeyPatch.context() as monkeypatch:
        write(monkeypatch, folder, "--frames=10", "--validation=2", "--workers=1")
    return folder


def test_pixels_are_those_that_the_shipped_weights_learned_from():
    for (seed, number), hashes in SHIPPED.items():
        made = draw_scene(seed, number)
        found = [hashlib.sha256(part.tobytes()).hexdigest() for part in (made.image, made.label)]
        assert tuple(found) == hashes, (seed, number)


def test_read_as_camvid(written):
    found = set()
    for split, count in (("train", 10), ("val", 2)):
        dataset = camvid(written, split)
        assert len(dataset.samples) == count
        for sample in dataset.samples:
            image, label = dataset.read(sample)
            assert (image.shape, label.shape) == ((720, 960, 3), (720, 960))
            assert set(np.unique(label)) <= KNOWN
            found |= set(np.unique(label))
    assert found >= set(range(len(CAMVID.classes)))


def test_no_frame_in_both_lists(written):
    lists = [(written / f"{split}.txt").read_text().split() for split in ("train", "val")]
    assert [len(set(names)) for names in lists] == [10, 2]
    assert set(lists[0]).isdisjoint(lists[1])
    for folder in ("images", "labels"):
        names = [path.stem for path in (written / folder).iterdir()]
        assert sorted(names) == sorted(lists[0] + lists[1])


def test_the_seed_decides(written, tmp_path, monkeypatch):
    write(monkeypatch, tmp_path, "--frames=1", "--validation=1", "--workers=2")
    whole = content(written)
    again = {name: value for name, value in content(tmp_path).items() if name[-4:] != ".txt"}
    assert len(again) == 4
    assert all(whole[name] == value for name, value in again.items())
    first, other = draw_scene(0, 0), draw_scene(1, 0)
    assert first.image.tobytes() != other.image.tobytes()
    assert first.label.tobytes() != other.label.tobytes()


@pytest.mark.parametrize("opacity", [255, 60])
def test_one_polygon_in_image_and_label(opacity):
    """What changes in the image is what changes in the label."""
    canvas = Canvas(0, 0)
    for corners in np.random.default_rng(0).uniform(-100, 1000, (40, 5, 2)):
        canvas.start(Image.new("RGB", canvas.image.size, (255, 255, 255)))
        canvas.label.paste(IDS["void"], (0, 0, *canvas.label.size))
        canvas.label_pen = ImageDraw.Draw(canvas.label)
        canvas.paint("car", corners, (10, 20, 30), opacity)
        changed = (np.asarray(canvas.image) != 255).any(axis=-1)
        assert (changed == (np.asarray(canvas.label) == IDS["car"])).all()


def test_a_folder_with_something_in_it_stays(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(SystemExit, match="expected a new or an empty folder"):
            write(monkeypatch, place, "--frames=1", "--validation=1")
        assert content(tmp_path) == {"notes.txt": b"mine"}
