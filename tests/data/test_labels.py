import pytest

from scmnet_zoo.data import CAMVID, CITYSCAPES, VOID, palette_for
from scmnet_zoo.data.labels import LABEL_SPACES

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
