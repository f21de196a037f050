"""CamVid's 32 original classes, and the 11 classes of SegNet (arXiv 1511.00561)."""

from scmnet_zoo.data.labels import CAMVID, VOID
from scmnet_zoo.data.masks import ColourMasks

# Original classes: name, colour, and the class among the 11, or None for void.
ORIGINAL_CLASSES = (
    ("Animal", (64, 128, 64), None),
    ("Archway", (192, 0, 128), None),
    ("Bicyclist", (0, 128, 192), "bicyclist"),
    ("Bridge", (0, 128, 64), None),
    ("Building", (128, 0, 0), "building"),
    ("Car", (64, 0, 128), "car"),
    ("CartLuggagePram", (64, 0, 192), None),
    ("Child", (192, 128, 64), None),
    ("Column_Pole", (192, 192, 128), "pole"),
    ("Fence", (64, 64, 128), "fence"),
    ("LaneMkgsDriv", (128, 0, 192), "road"),
    ("LaneMkgsNonDriv", (192, 0, 64), "road"),
    ("Misc_Text", (128, 128, 64), "sign"),
    ("MotorcycleScooter", (192, 0, 192), "bicyclist"),
    ("OtherMoving", (128, 64, 64), None),
    ("ParkingBlock", (64, 192, 128), "sidewalk"),
    ("Pedestrian", (64, 64, 0), "pedestrian"),
    ("Road", (128, 64, 128), "road"),
    ("RoadShoulder", (128, 128, 192), "road"),
    ("Sidewalk", (0, 0, 192), "sidewalk"),
    ("SignSymbol", (192, 128, 128), "sign"),
    ("Sky", (128, 128, 128), "sky"),
    ("SUVPickupTruck", (64, 128, 192), "car"),
    ("TrafficCone", (0, 0, 64), None),
    ("TrafficLight", (0, 64, 64), "sign"),
    ("Train", (192, 64, 128), None),
    ("Tree", (128, 128, 0), "tree"),
    ("Truck_Bus", (192, 128, 192), "car"),
    ("Tunnel", (64, 0, 64), None),
    ("VegetationMisc", (192, 192, 0), "tree"),
    ("Void", (0, 0, 0), None),
    ("Wall", (64, 192, 0), "building"),
)


# Name of an original class in lower case -> training id.
TRAINING_IDS = {
    title.lower(): VOID if name is None else CAMVID.classes.index(name)
    for title, _, name in ORIGINAL_CLASSES
}

ORIGINAL_MASKS = ColourMasks(
    {colour: TRAINING_IDS[title.lower()] for title, colour, _ in ORIGINAL_CLASSES},
    "the 32 colours of CamVid's label_colors.txt",
)
