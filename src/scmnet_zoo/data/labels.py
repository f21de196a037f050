"""Label spaces of the datasets: class names, colours and ids."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from scmnet_zoo.catalogue.datasets import DATASET_CARDS, DatasetCard

VOID = 255

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Label:
    """One class of a dataset.

    Attributes:
        name: name in the dataset.
        colour: RGB 0..255.
        category: group of the class, for category IoU.
        id: id in the dataset's files and the benchmark's submissions. None if it equals the
            training id.
        instance_size: mean size of an instance in pixels, for the weights of nIoU. None for
            classes without instances.
    """

    name: str
    colour: Colour
    category: str
    id: int | None = None
    instance_size: float | None = None


@dataclass(frozen=True)
class LabelSpace:
    """Classes of a dataset in the order of their training ids. 255 is void.

    Attributes:
        name: name of the dataset.
        labels: the classes; the position of a class is its training id.
        void_ids: ids in the dataset's files that are void.
    """

    name: str
    labels: tuple[Label, ...]
    void_ids: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the classes in the dataset's files, in the order of the training ids."""
        return tuple(i if label.id is None else label.id for i, label in enumerate(self.labels))

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories, in the order of their first class."""
        return tuple(dict.fromkeys(label.category for label in self.labels))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @property
    def palette(self) -> tuple[Colour, ...]:
        return tuple(label.colour for label in self.labels)


# Names of the 11-class protocol (SegNet, arXiv 1511.00561), colours of CamVid's label_colors.txt.
CAMVID = LabelSpace(
    "camvid",
    (
        Label("sky", (128, 128, 128), "sky"),
        Label("building", (128, 0, 0), "construction"),
        Label("pole", (192, 192, 128), "object"),
        Label("road", (128, 64, 128), "flat"),
        Label("sidewalk", (0, 0, 192), "flat"),
        Label("tree", (128, 128, 0), "nature"),
        Label("sign", (192, 128, 128), "object"),
        Label("fence", (64, 64, 128), "construction"),
        Label("car", (64, 0, 128), "vehicle"),
        Label("pedestrian", (64, 64, 0), "human"),
        Label("bicyclist", (0, 128, 192), "human"),
    ),
)

# The 19 evaluated classes of Cityscapes (arXiv 1604.01685), with the ids of labelIds.png and the
# mean instance sizes of its evaluation scripts.
CITYSCAPES = LabelSpace(
    "cityscapes",
    (
        Label("road", (128, 64, 128), "flat", 7),
        Label("sidewalk", (244, 35, 232), "flat", 8),
        Label("building", (70, 70, 70), "construction", 11),
        Label("wall", (102, 102, 156), "construction", 12),
        Label("fence", (190, 153, 153), "construction", 13),
        Label("pole", (153, 153, 153), "object", 17),
        Label("traffic light", (250, 170, 30), "object", 19),
        Label("traffic sign", (220, 220, 0), "object", 20),
        Label("vegetation", (107, 142, 35), "nature", 21),
        Label("terrain", (152, 251, 152), "nature", 22),
        Label("sky", (70, 130, 180), "sky", 23),
        Label("person", (220, 20, 60), "human", 24, 3462.4756337644),
        Label("rider", (255, 0, 0), "human", 25, 3930.4788056518),
        Label("car", (0, 0, 142), "vehicle", 26, 12794.0202738185),
        Label("truck", (0, 0, 70), "vehicle", 27, 27855.1264367816),
        Label("bus", (0, 60, 100), "vehicle", 28, 35732.1511111111),
        Label("train", (0, 80, 100), "vehicle", 31, 67583.7075812274),
        Label("motorcycle", (0, 0, 230), "vehicle", 32, 6298.7200839748),
        Label("bicycle", (119, 11, 32), "vehicle", 33, 4672.3249222261),
    ),
    void_ids=(0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30),
)

# BDD100K's semantic segmentation (arXiv 1805.04687) has the same classes, stored as training ids.
BDD100K = LabelSpace(
    "bdd100k",
    tuple(Label(label.name, label.colour, label.category) for label in CITYSCAPES.labels),
)

# Names of the same class in different datasets.
SYNONYMS = (
    ("vegetation", "tree"),
    ("traffic sign", "sign"),
    ("person", "pedestrian"),
    ("rider", "bicyclist"),
)

# Class of Cityscapes -> class of CamVid that includes it; equal names and synonyms are left out.
PARTS_OF_CAMVID = {
    "wall": "building",
    "terrain": "tree",
    "traffic light": "sign",
    "truck": "car",
    "bus": "car",
    "train": "car",
    "motorcycle": "bicyclist",
    "bicycle": "bicyclist",
}

# Dataset name -> label space, for datasets with fixed classes.
LABEL_SPACES: Mapping[str, LabelSpace] = DATASET_CARDS.table(
    DatasetCard.load_space, lambda card: card.space is not None
)


def match_classes(wanted: tuple[str, ...], given: tuple[str, ...]) -> tuple[int | None, ...]:
    """Return for each wanted class the position of the same class in `given`, or None.

    The comparison ignores case, spaces, underscores and hyphens. Without an equal name, the first
    class with a synonym (`SYNONYMS`) matches.
    """
    plain = [_plain(name) for name in given]
    canonical = [_canonical(name) for name in given]

    def place(name: str) -> int | None:
        if _plain(name) in plain:
            return plain.index(_plain(name))
        return canonical.index(_canonical(name)) if _canonical(name) in canonical else None

    return tuple(place(name) for name in wanted)


def match_each_once(wanted: tuple[str, ...], given: tuple[str, ...]) -> tuple[int | None, ...]:
    """Match classes as `match_classes` does, with each given class used at most once.

    A given class goes to the wanted class with the same name, else to its first synonym.
    """
    places = match_classes(wanted, given)
    same = [
        place is not None and _plain(name) == _plain(given[place])
        for name, place in zip(wanted, places, strict=True)
    ]
    taken = {place for place, exact in zip(places, same, strict=True) if exact}
    found: list[int | None] = []
    for place, exact in zip(places, same, strict=True):
        free = exact or place not in taken
        found.append(place if free else None)
        taken.add(place)
    return tuple(found)


def places_of(given: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Return for each given class the position of the wanted class that includes it, or 255.

    Classes match as in `match_each_once`. CamVid's classes also include further classes of
    Cityscapes (`PARTS_OF_CAMVID`): traffic lights are signs.
    """
    places = [VOID] * len(given)
    for number, place in enumerate(match_each_once(wanted, given)):
        if place is not None:
            places[place] = number
    if wanted == CAMVID.classes:
        for place, name in enumerate(given):
            if places[place] == VOID and name in PARTS_OF_CAMVID:
                places[place] = wanted.index(PARTS_OF_CAMVID[name])
    return tuple(places)


def composed(name: str) -> str:
    """Return a name in Unicode NFC, the form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def _plain(name: str) -> str:
    return "".join(letter for letter in composed(name.lower()) if letter not in " _-")


def _canonical(name: str) -> str:
    plain = _plain(name)
    for names in SYNONYMS:
        if plain in map(_plain, names):
            return _plain(names[0])
    return plain


def palette_for(classes: tuple[str, ...]) -> tuple[Colour, ...]:
    """Return colours for class names: those of a dataset with these classes, or distinct ones."""
    for space in LABEL_SPACES.values():
        if space.classes == tuple(classes):
            return space.palette
    return tuple(_distinct_colour(index) for index in range(len(classes)))


def _distinct_colour(index: int) -> Colour:
    """Return Pascal VOC's colour of class index + 1: its bits go to red, green, blue in turn."""
    channels = [0, 0, 0]
    value = index + 1
    for bit in range(7, -1, -1):
        for channel in range(3):
            channels[channel] |= (value >> channel & 1) << bit
        value >>= 3
    return (channels[0], channels[1], channels[2])
