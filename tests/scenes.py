"""Draws small street scenes in the layout of each dataset.

`draw` and `draw_camvid_*` write what `scene` draws, `draw_cityscapes` and `draw_bdd100k` what
`street` draws, `draw_folder` what `own_scene` draws. Frames are numbered from 0 over all splits in
the order of the counts, and each frame's number is its scene's seed.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scmnet_zoo.data import CAMVID, CITYSCAPES, VOID

COUNTS = {"train": 6, "val": 2, "test": 3}
SIZE = (72, 96)  # (height, width) of a full frame; the others have half of it

STREET_SIZE = (64, 128)  # (height, width) of a frame of Cityscapes or BDD100K
STREET_COUNTS = {"train": 4, "val": 3, "test": 1}
CITIES = {"train": ("aachen", "bochum"), "val": ("frankfurt", "lindau"), "test": ("berlin",)}

# What stands for each of the 19 classes in labelIds.png, in the order of the training ids.
STREET_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

# The 32 colours of CamVid's own labels by the class of the 11 that they belong to.
ORIGINAL_COLOURS = {
    "sky": ((128, 128, 128),),
    "building": ((128, 0, 0), (64, 192, 0)),
    "pole": ((192, 192, 128),),
    "road": ((128, 64, 128), (128, 0, 192), (192, 0, 64), (128, 128, 192)),
    "sidewalk": ((0, 0, 192), (64, 192, 128)),
    "tree": ((128, 128, 0), (192, 192, 0)),
    "sign": ((192, 128, 128), (128, 128, 64), (0, 64, 64)),
    "fence": ((64, 64, 128),),
    "car": ((64, 0, 128), (64, 128, 192), (192, 128, 192)),
    "pedestrian": ((64, 64, 0),),
    "bicyclist": ((0, 128, 192), (192, 0, 192)),
    "void": (
        (0, 0, 0),
        (64, 128, 64),
        (192, 0, 128),
        (0, 128, 64),
        (64, 0, 192),
        (192, 128, 64),
        (128, 64, 64),
        (0, 0, 64),
        (192, 64, 128),
        (64, 0, 64),
    ),
}

# Names of CamVid that belong to the splits of SegNet.
CAMVID_NAMES = {
    "train": ("0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08640"),
    "val": ("0016E5_07959", "0016E5_08159"),
    "test": ("0001TP_008550", "Seq05VD_f00000", "Seq05VD_f05100"),
}

# A user's own classes: name, index, colour, category, and the classes of `scene` that they hold.
OWN_CLASSES = (
    ("drivable", 10, (200, 0, 200), "ground", ("road",)),
    ("vehicle", 3, (0, 0, 250), "moving", ("car", "bicyclist")),
    ("human", 77, (250, 10, 0), "moving", ("pedestrian",)),
    ("background", 0, (1, 2, 3), "rest", ("sky", "building", "tree", "fence", "sidewalk")),
)
OWN_VOID = (254, (255, 255, 255))  # index and colour


def scene(seed: int, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """An image in the classes' colours, uint8 (h, w, 3), and its label, uint8 (h, w) with void."""
    height, width = size
    rng = np.random.default_rng(seed)
    ids = Image.new("L", (width, height), CAMVID.classes.index("sky"))
    draw = ImageDraw.Draw(ids)

    def box(name, left, top, right, bottom):
        fill = VOID if name == "void" else CAMVID.classes.index(name)
        corners = (left * width, top * height, right * width - 1, bottom * height - 1)
        draw.rectangle([int(value) for value in corners], fill=fill)

    shift = rng.uniform(-0.05, 0.05)
    box("tree", 0, 0.2, 0.3 + shift, 0.6)
    box("building", 0.6 + shift, 0.1, 1, 0.6)
    box("fence", 0.7 + shift, 0.5, 0.95, 0.6)
    box("sidewalk", 0, 0.6, 1, 0.7)
    box("road", 0, 0.65, 1, 0.95)
    box("car", 0.3 + shift, 0.55, 0.55 + shift, 0.8)
    box("pole", 0.62, 0.15, 0.66, 0.65)
    box("sign", 0.58, 0.15, 0.7, 0.28)
    box("pedestrian", 0.8 + shift, 0.45, 0.86 + shift, 0.7)
    box("bicyclist", 0.1 - shift, 0.5, 0.2 - shift, 0.75)
    box("void", 0, 0.95, 1, 1)
    label = np.asarray(ids)
    colours = np.zeros((256, 3), np.int64)
    colours[: len(CAMVID.labels)] = CAMVID.palette
    noise = rng.integers(-8, 9, (height, width, 3))
    return np.clip(colours[label] + noise, 0, 255).astype(np.uint8), label


def draw(folder: Path, counts=COUNTS, size=SIZE) -> Path:
    """Write the dataset: every second image at half size, and so every third label.

    A half image is the 2x2 mean, a half label takes the pixels [1::2, 0::2]. Returns the folder.
    """
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    number = 0
    for split, count in counts.items():
        names = [f"{split}_{index:03d}" for index in range(count)]
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for index, name in enumerate(names):
            image, label = scene(number, size)
            number += 1
            if index % 2:
                image = halved(image)
            if index % 3 == 2:
                label = label[1::2, 0::2]
            Image.fromarray(image).save(folder / "images" / f"{name}.webp", lossless=True)
            Image.fromarray(label).save(folder / "labels" / f"{name}.png")
    return folder


def halved(image: np.ndarray) -> np.ndarray:
    """The 2x2 mean of a uint8 image."""
    height, width, channels = image.shape
    blocks = image.reshape(height // 2, 2, width // 2, 2, channels)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def street(seed: int, size=STREET_SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A frame with the 19 classes of Cityscapes and many that are void.

    Three cars, two persons, two riders, two bicycles and one each of truck, bus, train and
    motorcycle are instances; a far row of cars is not told apart, as Cityscapes' groups are not.

    Returns:
        image: uint8 (h, w, 3), in the classes' colours.
        labels: uint8 (h, w), as in labelIds.png.
        instances: uint16 (h, w), as in instanceIds.png.
    """
    height, width = size
    rng = np.random.default_rng(seed)
    drawn = Image.new("I", (width, height), 23)
    pen = ImageDraw.Draw(drawn)

    def box(number, left, top, right, bottom):
        corners = (left * width, top * height, right * width - 1, bottom * height - 1)
        pen.rectangle([round(value) for value in corners], fill=number)

    shift = rng.uniform(-0.04, 0.04)
    box(21, 0, 0.15, 0.3 + shift, 0.5)  # vegetation
    box(11, 0.55, 0.1, 1, 0.5)  # building
    box(15, 0.3 + shift, 0.2, 0.4, 0.3)  # bridge: void
    box(12, 0.55, 0.4, 0.7, 0.5)  # wall
    box(13, 0.7, 0.4, 0.85, 0.5)  # fence
    box(14, 0.85, 0.4, 1, 0.5)  # guard rail: void
    box(22, 0, 0.5, 0.3, 0.6)  # terrain
    box(8, 0.3, 0.5, 1, 0.6)  # sidewalk
    box(7, 0, 0.6, 1, 0.9)  # road
    box(9, 0, 0.6, 0.1, 0.9)  # parking: void
    box(6, 0.9, 0.6, 1, 0.7)  # ground: void
    box(17, 0.48, 0.15, 0.5, 0.6)  # pole
    box(20, 0.44, 0.15, 0.54, 0.25)  # traffic sign
    box(19, 0.47, 0.25, 0.52, 0.35)  # traffic light
    box(4, 0.92, 0.2, 0.98, 0.35)  # static: void
    box(5, 0.86, 0.2, 0.91, 0.35)  # dynamic: void
    box(26, 0.3, 0.5, 0.42, 0.56)  # a row of cars
    box(26000, 0.32 + shift, 0.6, 0.5 + shift, 0.78)
    box(26001, 0.12, 0.62, 0.26, 0.74)
    box(26002, 0.52 + shift, 0.58, 0.6 + shift, 0.66)
    box(24000, 0.6, 0.4, 0.63, 0.62)  # persons
    box(24001, 0.64 + shift, 0.36, 0.68 + shift, 0.68)
    box(33000, 0.72, 0.6, 0.8, 0.7)  # bicycles, the first with its rider
    box(25000, 0.74, 0.46, 0.78, 0.64)
    box(33001, 0.82 + shift, 0.7, 0.88 + shift, 0.78)
    box(32000, 0.9, 0.7, 0.98, 0.8)  # motorcycle and its rider
    box(25001, 0.92, 0.56, 0.96, 0.76)
    box(27000, 0.06, 0.38, 0.18, 0.58)  # truck
    box(28000, 0.19, 0.36, 0.29, 0.58)  # bus
    box(31000, 0.36, 0.3, 0.46, 0.48)  # train
    box(1, 0, 0.9, 1, 1)  # ego vehicle: void
    for number, corners in (
        (2, (0, 0, 1, 0.03)),  # rectification border: void
        (3, (0, 0, 0.02, 1)),  # out of the region of interest: void
        (0, (0.98, 0.03, 1, 0.1)),  # unlabelled: void
    ):
        box(number, *corners)
    instances = np.asarray(drawn).astype(np.uint16)
    labels = np.where(instances < 1000, instances, instances // 1000).astype(np.uint8)
    colours = np.full((256, 3), 60, np.int64)
    colours[: len(CITYSCAPES.labels)] = CITYSCAPES.palette
    noise = rng.integers(-8, 9, (height, width, 3))
    image = np.clip(colours[street_training_ids(labels)] + noise, 0, 255).astype(np.uint8)
    return image, labels, instances


def street_training_ids(labels: np.ndarray) -> np.ndarray:
    """The training ids, uint8, of what `street` draws as labelIds."""
    ids = np.full(labels.shape, VOID, np.uint8)
    for place, number in enumerate(STREET_IDS):
        ids[labels == number] = place
    return ids


def cityscapes_names(split: str, count: int) -> list[str]:
    """The names of a split's frames as drawn: dealt to its cities, in the order of the numbers."""
    cities = CITIES[split]
    return [f"{cities[index % len(cities)]}_{index:06d}_000019" for index in range(count)]


def draw_cityscapes(
    folder: Path, counts=STREET_COUNTS, size=STREET_SIZE, labels="labelIds", instances=True
) -> Path:
    """Write `leftImg8bit` and `gtFine`. The test split's labels are void throughout.

    Args:
        folder: made here; returned.
        counts: of frames by split.
        size: (height, width) of a frame.
        labels: `"labelIds"` or `"labelTrainIds"`.
        instances: write instanceIds.png too.
    """
    number = 0
    for split, count in counts.items():
        for name in cityscapes_names(split, count):
            image, ids, numbers = street(number, size)
            number += 1
            if split == "test":
                ids = np.where(ids > 3, 0, ids).astype(np.uint8)
                numbers = ids.astype(np.uint16)
            if labels == "labelTrainIds":
                ids = street_training_ids(ids)
            city = name.split("_")[0]
            left = folder / "leftImg8bit" / split / city
            fine = folder / "gtFine" / split / city
            left.mkdir(parents=True, exist_ok=True)
            fine.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(left / f"{name}_leftImg8bit.png")
            Image.fromarray(ids).save(fine / f"{name}_gtFine_{labels}.png")
            if instances:
                Image.fromarray(numbers).save(fine / f"{name}_gtFine_instanceIds.png")
    return folder


def draw_bdd100k(folder: Path, counts=STREET_COUNTS, size=STREET_SIZE, suffix=".png") -> Path:
    """Write `images/10k` as JPEGs and `labels/sem_seg/masks`; the test split has no labels."""
    number = 0
    for split, count in counts.items():
        left = folder / "images" / "10k" / split
        masks = folder / "labels" / "sem_seg" / "masks" / split
        left.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(count):
            image, labels, _ = street(number, size)
            number += 1
            name = f"{split}{index:04d}-0a0b0c0d"
            Image.fromarray(image).save(left / f"{name}.jpg", quality=95, subsampling=0)
            if split != "test":
                ids = street_training_ids(labels)
                Image.fromarray(ids).save(masks / f"{name}{suffix}")
    return folder


def draw_camvid_segnet(folder: Path, names=CAMVID_NAMES, size=SIZE) -> Path:
    """Write `train`, `trainannot` and so on, PNGs with 11 for void."""
    number = 0
    for split, found in names.items():
        (folder / split).mkdir(parents=True)
        (folder / f"{split}annot").mkdir()
        for name in found:
            image, label = scene(number, size)
            number += 1
            ids = np.where(label == VOID, 11, label).astype(np.uint8)
            Image.fromarray(image).save(folder / split / f"{name}.png")
            Image.fromarray(ids).save(folder / f"{split}annot" / f"{name}.png")
    return folder


def draw_camvid_original(folder: Path, names=CAMVID_NAMES, size=SIZE) -> Path:
    """Write `701_StillsRaw_full` and `LabeledApproved_full`, where all 32 colours occur."""
    stills, labels = folder / "701_StillsRaw_full", folder / "LabeledApproved_full"
    stills.mkdir(parents=True)
    labels.mkdir()
    for number, name in enumerate(name for found in names.values() for name in found):
        image, label = scene(number, size)
        Image.fromarray(image).save(stills / f"{name}.png")
        Image.fromarray(original_colours(label)).save(labels / f"{name}_L.png")
    return folder


def original_colours(label: np.ndarray) -> np.ndarray:
    """Training ids as one of CamVid's own labels, uint8 (h, w, 3).

    A class that has several colours there takes them in turn, from column to column.
    """
    colours = np.zeros((*label.shape, 3), np.uint8)
    columns = np.broadcast_to(np.arange(label.shape[1]), label.shape)
    for name, variants in ORIGINAL_COLOURS.items():
        number = VOID if name == "void" else CAMVID.classes.index(name)
        for place, colour in enumerate(variants):
            colours[(label == number) & (columns % len(variants) == place)] = colour
    return colours


def own_scene(seed: int, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 (h, w, 3), and its label, uint8 (h, w), with `OWN_CLASSES` and void."""
    image, label = scene(seed, size)
    ids = np.full(label.shape, VOID, np.uint8)
    for place, (*_, names) in enumerate(OWN_CLASSES):
        ids[np.isin(label, [CAMVID.classes.index(name) for name in names])] = place
    return image, ids


def draw_folder(folder: Path, masks="index", counts=COUNTS, size=SIZE, lists=False) -> Path:
    """Write a user's own data with its `classes.toml`.

    Args:
        folder: made here; returned.
        masks: `"index"` for grey masks, `"palette"` for mode P, `"colour"` for RGB.
        counts: of frames by split.
        size: (height, width) of a frame.
        lists: `images`, `masks` and a list of names a split, instead of a folder a split.
    """
    folder.mkdir(parents=True)
    (folder / "classes.toml").write_text(own_table(masks), encoding="utf-8")
    number = 0
    for split, count in counts.items():
        images, labels = (
            folder / kind if lists else folder / kind / split for kind in ("images", "masks")
        )
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        names = [f"{split}_{index:03d}" for index in range(count)]
        if lists:
            (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            image, label = own_scene(number, size)
            number += 1
            Image.fromarray(image).save(images / f"{name}.png")
            own_mask(label, masks).save(labels / f"{name}.png")
    return folder


def own_table(masks: str) -> str:
    """The text of `classes.toml` for masks of a kind."""
    lines = []
    if masks != "colour":
        lines.append(f"void_indices = [{OWN_VOID[0]}]")
    if masks != "index":
        lines.append(f"void_colours = [{list(OWN_VOID[1])}]")
    for name, index, colour, category, _ in OWN_CLASSES:
        lines += ["", "[[class]]", f'name = "{name}"', f'category = "{category}"']
        if masks != "colour":
            lines.append(f"index = {index}")
        if masks != "index":
            lines.append(f"colour = {list(colour)}")
    return "\n".join(lines) + "\n"


def own_mask(label: np.ndarray, masks: str) -> Image.Image:
    """Training ids of `OWN_CLASSES` as a mask of a kind."""
    indices = np.full(256, OWN_VOID[0], np.uint8)
    colours = np.full((256, 3), OWN_VOID[1], np.uint8)
    for place, (_, index, colour, _, _) in enumerate(OWN_CLASSES):
        indices[place], colours[place] = index, colour
    if masks == "colour":
        return Image.fromarray(colours[label])
    mask = Image.fromarray(indices[label])
    if masks == "palette":
        palette = np.zeros((256, 3), np.uint8)
        palette[indices] = colours
        mask.putpalette(palette.tobytes())
    return mask
