"""The label spaces of the datasets: class names, colours, and which ids stand for them."""

from dataclasses import dataclass

VOID = 255


@dataclass(frozen=True)
class Label:
    """One class: its name, its colour (RGB 0..255), its category."""

    name: str
    colour: tuple[int, int, int]
    category: str


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a dataset, in the order of their training ids; 255 is void."""

    name: str
    labels: tuple[Label, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(label.colour for label in self.labels)


# Names and colours of the 11-class protocol (SegNet, arXiv 1511.00561); colours are those of
# CamVid's own label_colors.txt.
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

# The 19 evaluated classes of Cityscapes (arXiv 1604.01685); BDD100K uses the same.
CITYSCAPES = LabelSpace(
    "cityscapes",
    (
        Label("road", (128, 64, 128), "flat"),
        Label("sidewalk", (244, 35, 232), "flat"),
        Label("building", (70, 70, 70), "construction"),
        Label("wall", (102, 102, 156), "construction"),
        Label("fence", (190, 153, 153), "construction"),
        Label("pole", (153, 153, 153), "object"),
        Label("traffic light", (250, 170, 30), "object"),
        Label("traffic sign", (220, 220, 0), "object"),
        Label("vegetation", (107, 142, 35), "nature"),
        Label("terrain", (152, 251, 152), "nature"),
        Label("sky", (70, 130, 180), "sky"),
        Label("person", (220, 20, 60), "human"),
        Label("rider", (255, 0, 0), "human"),
        Label("car", (0, 0, 142), "vehicle"),
        Label("truck", (0, 0, 70), "vehicle"),
        Label("bus", (0, 60, 100), "vehicle"),
        Label("train", (0, 80, 100), "vehicle"),
        Label("motorcycle", (0, 0, 230), "vehicle"),
        Label("bicycle", (119, 11, 32), "vehicle"),
    ),
)

LABEL_SPACES = {space.name: space for space in (CAMVID, CITYSCAPES)}


def palette_for(classes: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    """Colours for class names: those of the dataset with these classes, else distinct ones."""
    for space in LABEL_SPACES.values():
        if space.classes == tuple(classes):
            return space.palette
    return tuple(_distinct_colour(index) for index in range(len(classes)))


def _distinct_colour(index: int) -> tuple[int, int, int]:
    """The bits of index + 1, dealt to red, green and blue from the highest down (as PASCAL VOC)."""
    channels = [0, 0, 0]
    value = index + 1
    for bit in range(7, -1, -1):
        for channel in range(3):
            channels[channel] |= (value >> channel & 1) << bit
        value >>= 3
    return (channels[0], channels[1], channels[2])
