"""The sky, and what is done to the drawn image: textures, light, blur and noise."""

import numpy as np
from PIL import Image, ImageFilter

from lab.camvid.scenes.canvas import HEIGHT, IDS, WIDTH, Canvas
from lab.camvid.scenes.palette import PAINTS

# How strong four textures are by class: of the plane of the road, fine, of leaves, and in patches.
GRAINS = {
    "sky": (0, 0.005, 0, 0), "building": (0, 0.06, 0.06, 0.2), "pole": (0, 0.06, 0.04, 0.1),
    "road": (0.1, 0.03, 0, 0.12), "sidewalk": (0.14, 0.04, 0, 0.12), "tree": (0.1, 0.16, 0.4, 0.2),
    "sign": (0, 0.04, 0.04, 0.1), "fence": (0, 0.08, 0.12, 0.15), "car": (0, 0.03, 0.08, 0.2),
    "pedestrian": (0, 0.08, 0.15, 0.1), "bicyclist": (0, 0.08, 0.15, 0.1),
    "void": (0, 0.05, 0.08, 0.2),
}  # fmt: skip


def sky(scene: Canvas) -> np.ndarray:
    """Blue or overcast, paler towards the horizon, with clouds."""
    top = scene.pick(((110, 150, 215), (150, 180, 225), (205, 210, 216), (240, 242, 245)), 6)
    low = scene.pick(((235, 240, 246), (250, 250, 250), (215, 222, 232)), 6)
    down = np.clip(np.linspace(0, HEIGHT / scene.horizon, HEIGHT), 0, 1)[:, None, None]
    clouds = np.clip(scene.noise(4, 8, 16, 40) * scene.some(0.3, 0.8) + scene.some(-0.6, 0.7), 0, 1)
    shade = np.clip(scene.some(0.7, 1.1) + 0.15 * scene.noise(6, 14, 30), 0.4, 1.15)
    colour = top + (low - top) * down
    colour = colour + (235 * shade[..., None] - colour) * clouds[..., None]
    return np.clip(colour * (0.5 + 0.5 * min(scene.dim * 1.3, 1)), 0, 255).astype("uint8")


def ground(scene: Canvas) -> np.ndarray:
    """Noise that lies on the plane of the road."""
    tile = scene.noise(20, 90, 360, 720)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    z = scene.focal * scene.eye / np.maximum(rows - scene.horizon, 1)
    x = (columns - scene.middle) * z / scene.focal - scene.bend * z * z
    down = np.abs((z * 40).astype(int) % (2 * HEIGHT - 1) - HEIGHT + 1)  # back and forth
    across = np.abs((x * 40).astype(int) % (2 * WIDTH - 1) - WIDTH + 1)
    return tile[down, across] * np.clip(12 / z, 0.2, 1)


def finish(scene: Canvas):
    """The bonnet, then textures, light, blur and noise."""
    if scene.chance(0.5):
        top = HEIGHT - scene.some(5, 60)
        bow = scene.some(10, 40)
        edge = [(x, top + (x / 480 - 1) ** 2 * bow) for x in range(0, WIDTH + 1, 96)]
        scene.paint("void", [(0, HEIGHT), *edge, (WIDTH, HEIGHT)], scene.pick(PAINTS))
    label = np.asarray(scene.label)
    strength = np.zeros((256, 4), np.float32)
    for name, values in GRAINS.items():
        strength[IDS[name]] = values
    fields = ground(scene), scene.noise(720, 360), scene.noise(60, 120, 240), scene.noise(5, 12)
    grain = sum(strength[label, i] * field for i, field in enumerate(fields))
    light = 1 + scene.some(-0.35, 0.35) * np.linspace(-1, 1, WIDTH, dtype=np.float32)
    light = np.where(label == IDS["sky"], 1, scene.dim * light)
    warm = np.array((1, 1, 1), np.float32) + scene.rng.normal(0, 0.03, 3).astype(np.float32)
    pixels = np.asarray(scene.image) * (light * np.clip(1 + grain, 0.2, 2))[..., None] * warm
    blurred = Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
    blurred = blurred.filter(ImageFilter.GaussianBlur(scene.some(0.4, 1.2)))
    noise = scene.rng.standard_normal((HEIGHT, WIDTH, 3), np.float32) * scene.some(1, 6)
    scene.image = Image.fromarray(np.clip(np.asarray(blurred) + noise, 0, 255).astype("uint8"))
