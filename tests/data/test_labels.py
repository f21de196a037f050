import subprocess
import sys

import pytest

from scmnet_zoo.data import BDD100K, CAMVID, CITYSCAPES, VOID, match_classes, palette_for
from scmnet_zoo.data.labels import LABEL_SPACES, match_each_once

# The class of the 11 after which each is named in `label_colors.txt`, the first where it has more.
ORIGINAL_NAMES = {
    "sky": "Sky",
    "building": "Building",
    "pole": "Column_Pole",
    "road": "Road",
    "sidewalk": "Sidewalk",
    "tree": "Tree",
    "sign": "SignSymbol",
    "fence": "Fence",
    "car": "Car",
    "pedestrian": "Pedestrian",
    "bicyclist": "Bicyclist",
}


@pytest.mark.parametrize("space", LABEL_SPACES.values(), ids=LABEL_SPACES)
def test_names_and_colours_are_distinct(space):
    assert len(set(space.classes)) == len(space.labels)
    assert len(set(space.palette)) == len(space.labels)
    assert all(0 <= value <= 255 for colour in space.palette for value in colour)
    assert len(space.labels) <= VOID


def test_numbers_of_classes():
    assert (len(CAMVID.labels), len(CITYSCAPES.labels)) == (11, 19)
    assert list(LABEL_SPACES) == ["camvid", "cityscapes", "bdd100k"]


@pytest.mark.needs_shared
def test_camvid_colours_are_those_of_its_own_file(shared):
    lines = (shared / "camvid/original_layout/label_colors.txt").read_text().split("\n")
    fields = [line.split() for line in lines if line.strip()]
    original = {field[3]: tuple(map(int, field[:3])) for field in fields}
    expected = tuple(original[ORIGINAL_NAMES[name]] for name in CAMVID.classes)
    assert CAMVID.palette == expected


def test_palette_of_a_known_dataset():
    assert palette_for(CAMVID.classes) == CAMVID.palette
    assert palette_for(list(CITYSCAPES.classes)) == CITYSCAPES.palette


def test_palette_of_other_classes():
    names = tuple(f"class {index}" for index in range(VOID))
    colours = palette_for(names)
    assert len(set(colours)) == len(names)
    assert (0, 0, 0) not in colours
    assert all(0 <= value <= 255 for colour in colours for value in colour)
    # The first colours of PASCAL VOC, without its background.
    assert colours[:4] == ((128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))


def test_the_order_of_classes_matters():
    assert palette_for(CAMVID.classes[::-1]) != CAMVID.palette[::-1]


# Where CamVid's 11 classes are among the 19 of Cityscapes, as names.
SAME = {
    "sky": "sky",
    "building": "building",
    "pole": "pole",
    "road": "road",
    "sidewalk": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "fence": "fence",
    "car": "car",
    "pedestrian": "person",
    "bicyclist": "rider",
}


def test_camvid_among_cityscapes():
    places = match_classes(CAMVID.classes, CITYSCAPES.classes)
    assert [CITYSCAPES.classes[place] for place in places] == [
        SAME[name] for name in CAMVID.classes
    ]
    assert places == (10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 12)


def test_cityscapes_among_camvid():
    places = match_classes(CITYSCAPES.classes, CAMVID.classes)
    back = {other: name for name, other in SAME.items()}
    assert [None if place is None else CAMVID.classes[place] for place in places] == [
        back.get(name) for name in CITYSCAPES.classes
    ]
    assert places.count(None) == 8


def test_the_same_classes():
    places = tuple(range(19))
    assert match_classes(CITYSCAPES.classes, BDD100K.classes) == places
    assert match_classes(CITYSCAPES.classes, CITYSCAPES.classes) == places


@pytest.mark.parametrize(
    "name",
    ["Traffic Sign", "traffic_sign", "TRAFFIC-SIGN", "trafficsign", " traffic sign ", "Sign"],
)
def test_spellings(name):
    assert match_classes((name,), CITYSCAPES.classes) == (7,)
    assert match_classes(("traffic sign",), ("road", name)) == (1,)


def test_the_same_name_goes_before_a_synonym():
    given = ("person", "pedestrian", "rider")
    assert match_classes(("pedestrian", "person", "bicyclist"), given) == (1, 0, 2)
    assert match_classes(("pedestrian", "dog"), ("rider", "person")) == (1, None)


def test_each_given_class_goes_to_one_only():
    wanted, given = ("road", "rider", "bicyclist"), ("road", "rider")
    assert match_classes(wanted, given) == (0, 1, 1)
    assert match_each_once(wanted, given) == (0, 1, None)
    assert match_each_once(("bicyclist", "rider"), given) == (None, 1)
    assert match_each_once(("tree", "vegetation"), ("vegetation",)) == (None, 0)
    assert match_each_once(("tree", "plants"), ("vegetation",)) == (0, None)


def test_readers_need_no_keras():
    code = (
        "import sys, scmnet_zoo.data.labels, scmnet_zoo.data\n"
        "print([m for m in ('keras', 'tensorflow', 'jax', 'torch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"
