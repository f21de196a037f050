"""CamVid with 11 classes, in one of three layouts.

The zoo's:

    images/NAME.webp                   RGB, 960x720 or 480x360
    labels/NAME.png                    8-bit training ids 0..10, 255 void
    train.txt, val.txt, test.txt       one NAME a line

SegNet's, with 480x360 pixels:

    SPLIT/NAME.png                     RGB
    SPLITannot/NAME.png                8-bit training ids 0..10, 11 void

The dataset's own, with 960x720 pixels:

    701_StillsRaw_full/NAME.png        RGB
    LabeledApproved_full/NAME_L.png    RGB, the colours of 32 classes
    train.txt, val.txt, test.txt       one NAME a line; where there is none, SegNet's split holds

Source: Brostow, Fauqueur, Cipolla 2009, doi 10.1016/j.patrec.2008.04.005; the split and the 11
classes are those of SegNet, arXiv 1511.00561.
"""

import os
from pathlib import Path

from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    Sample,
    check_split,
    chosen,
    find_layout,
    named_files,
    paired,
    some_files,
)
from scmnet_zoo.data.labels import CAMVID, VOID
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, training_ids

SPLITS = ("train", "val", "test")

# SegNet's split of the 701 labelled frames: drive, first and last frame number.
SEGNET_SPLIT = {
    "train": (
        ("0001TP", 6690, 8520),
        ("0006R0", 930, 3930),
        ("0016E5", 390, 7920),
        ("0016E5", 8190, 8640),
    ),
    "val": (("0016E5", 7959, 8159),),
    "test": (("0001TP", 8550, 10380), ("Seq05VD", 0, 5100)),
}

# The dataset's own classes: name, colour, and the class of the 11 that it belongs to.
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

_ZOO = ("images", "labels")
_ORIGINAL = ("701_StillsRaw_full", "LabeledApproved_full")

_ORIGINAL_MASKS = ColourMasks(
    {
        colour: VOID if name is None else CAMVID.classes.index(name)
        for _, colour, name in ORIGINAL_CLASSES
    },
    "the 32 colours of CamVid's label_colors.txt",
)
_SEGNET_MASKS = IndexMasks(
    {number: number for number in range(len(CAMVID.labels))} | {len(CAMVID.labels): VOID},
    "indices of SegNet's CamVid",
)


def camvid(root: str | os.PathLike, split: str) -> Dataset:
    """One split of CamVid.

    Args:
        root: a folder in one of the three layouts.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError: an unknown split, another layout, no list, an empty split, or a missing frame.
    """
    check_split(split, SPLITS)
    root = Path(root)
    segnet = (split, f"{split}annot")
    layout = find_layout(root, [_ZOO, _ORIGINAL, segnet])
    if layout == _ZOO:
        samples, reader = _zoo(root, split), FileReader(training_ids(CAMVID))
    elif layout == _ORIGINAL:
        samples, reader = _original(root, split), FileReader(_ORIGINAL_MASKS)
    else:
        samples, reader = _segnet(root, split), FileReader(_SEGNET_MASKS)
    return Dataset("camvid", split, CAMVID, samples, reader)


def _zoo(root: Path, split: str) -> tuple[Sample, ...]:
    names_file = root / f"{split}.txt"
    samples = tuple(
        Sample(name, root / "images" / f"{name}.webp", root / "labels" / f"{name}.png")
        for name in listed_names(names_file, named_files(root / "images", (".webp",)))
    )
    for sample in samples:
        for path in (sample.image, sample.label):
            if not path.is_file():
                raise ValueError(
                    f"Expected the file {path}, named in {names_file}. Received: no such file"
                )
    return samples


def _segnet(root: Path, split: str) -> tuple[Sample, ...]:
    folder = root / f"{split}annot"
    return paired(
        some_files(root / split, (".png",)), named_files(folder, (".png",)), folder, ".png"
    )


def _original(root: Path, split: str) -> tuple[Sample, ...]:
    stills, folder = (root / name for name in _ORIGINAL)
    names_file = root / f"{split}.txt"
    images = some_files(stills, (".png",))
    if names_file.exists():
        images = chosen(images, listed_names(names_file, images), names_file)
    else:
        every = images
        images = {name: file for name, file in every.items() if segnet_split(name) == split}
        if not images:
            raise ValueError(
                f"Expected frames of the split {split} in {stills}. "
                f"Received: {len(every)} of other splits, such as {next(iter(every))}"
            )
    labels = named_files(folder, ("_l.png",))
    labels = {name: file for name, file in labels.items() if name in images}
    return paired(images, labels, folder, "_L.png")


def segnet_split(name: str) -> str | None:
    """The split of SegNet that a frame belongs to by its name, as `"0006R0_f01140"`; else None."""
    drive, _, number = name.partition("_")
    number = number.removeprefix("f")
    if not (number.isascii() and number.isdigit()):
        return None
    for split, ranges in SEGNET_SPLIT.items():
        for of, first, last in ranges:
            if drive == of and first <= int(number) <= last:
                return split
    return None
