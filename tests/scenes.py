"""Draws small street scenes in the layout of CamVid: images, index labels, lists of names."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scmnet_zoo.data import CAMVID, VOID

COUNTS = {"train": 6, "val": 2, "test": 3}
SIZE = (72, 96)  # (height, width) of a full frame; the others have half of it


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
