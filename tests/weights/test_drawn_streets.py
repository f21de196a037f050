"""What the shipped weights see on drawn streets, which are nobody's photographs: road is road.

And a blue sky, which no frame of CamVid has, is sky. docs/results.md says where they fail.
"""

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.models import NETWORKS
from scmnet_zoo.weights import manifest

HEIGHT, WIDTH, HORIZON, VANISHING = 720, 960, 324, 480
OVERCAST, PALE, DEEP = (
    ((190, 190, 190), (220, 220, 220)),
    ((120, 160, 210), (225, 230, 235)),
    ((60, 110, 190), (180, 200, 225)),
)
SKY, ROAD = np.s_[:97, 336:624], np.s_[576:684, 288:672]
KEYS = [
    "scmnet/camvid",
    "fastscnn/camvid",
    "contextnet/camvid",
    "deeplabv3plus/camvid_mobilenet_v2",
]


def street(seed, sky) -> np.ndarray:
    """A straight road between houses, (720, 960, 3), uint8."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT), (120, 115, 108))
    draw = ImageDraw.Draw(image)
    for y in range(HORIZON):
        share = y / HORIZON
        mixed = [round(a * (1 - share) + b * share) for a, b in zip(*sky, strict=True)]
        draw.line([(0, y), (WIDTH, y)], fill=tuple(mixed))
    corners = [(VANISHING - 20, HORIZON), (VANISHING + 20, HORIZON), (912, HEIGHT), (48, HEIGHT)]
    draw.polygon(corners, fill=(95, 95, 95))
    for side in (-1, 1):
        x = VANISHING + side * 60
        for number in range(5):
            grown = 1.5**number
            end = x + side * int(60 * grown)
            colour = tuple(int(v) for v in rng.integers(90, 170, 3))
            top, bottom = HORIZON - int(40 * grown), HORIZON + int(12 * grown)
            draw.polygon([(x, top), (end, top), (end, bottom), (x, bottom)], fill=colour)
            x = end
    smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(1.2)), "float64")
    return np.clip(smooth + rng.normal(0, 7, (HEIGHT, WIDTH, 1)), 0, 255).astype("uint8")


@pytest.mark.parametrize("key", KEYS)
def test_road_is_road_and_sky_is_sky(key):
    entry = manifest.find_key(key)
    model = NETWORKS[entry.network](weights=entry.name)
    streets = np.stack([street(n, sky) for n, sky in enumerate((OVERCAST, PALE, DEEP))])
    classes = np.concatenate(
        [keras.ops.convert_to_numpy(model(one[None])).argmax(-1) for one in streets]
    )
    names = list(CAMVID.classes)
    road = (classes[:, *ROAD] == names.index("road")).mean(axis=(1, 2))
    sky = (classes[:, *SKY] == names.index("sky")).mean(axis=(1, 2))
    assert road.min() > 0.95, road
    assert sky.min() > 0.95, sky
