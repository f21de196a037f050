"""Cars, vans and buses."""

from itertools import pairwise

import numpy as np

from lab.camvid.scenes.canvas import Canvas, circle
from lab.camvid.scenes.palette import PAINTS, WHITE

# Side views of vehicles from the rear to the front: (along, up) of length and height, and whether
# the edge from here to the next corner is glass. Then length, width and height in metres.
VEHICLES = (
    (((0, 0.18, 0), (0, 0.55, 0), (0.03, 0.6, 1), (0.16, 1, 0), (0.62, 1, 1), (0.79, 0.6, 0),
      (0.98, 0.5, 0), (1, 0.18, 0)), (4.0, 1.7, 1.5)),
    (((0, 0.18, 0), (0, 0.62, 0), (0.16, 0.66, 1), (0.3, 1, 0), (0.6, 1, 1), (0.75, 0.64, 0),
      (0.99, 0.54, 0), (1, 0.18, 0)), (4.5, 1.75, 1.42)),
    (((0, 0.15, 0), (0, 0.55, 1), (0.02, 0.92, 0), (0.05, 1, 0), (0.72, 1, 1), (0.86, 0.6, 0),
      (0.99, 0.48, 0), (1, 0.15, 0)), (4.8, 1.9, 2.0)),
    (((0, 0.12, 0), (0, 0.5, 1), (0, 0.92, 0), (0.01, 1, 0), (0.99, 1, 0), (1, 0.92, 1),
      (1, 0.4, 0), (1, 0.12, 0)), (9.5, 2.4, 3.1)),
)  # fmt: skip


def car(scene: Canvas, x: float, z: float, turn: float, size: int):
    """A car, a van or a bus; at a turn of 0 it drives away from the camera."""
    profile, metres = VEHICLES[size]
    length, width, height = np.array(metres) * scene.rng.normal(1, 0.05, 3)
    ahead = np.array((np.sin(turn), np.cos(turn)))
    right, middle = np.array((ahead[1], -ahead[0])), np.array((x, z + 1))
    colour, glass = scene.pick(PAINTS), scene.pick([(36, 40, 46), (70, 80, 90), (120, 132, 142)])

    def at(along, across, up):
        inward = 1 - 0.25 * max(up - 0.6, 0) if size < 3 else 1
        spot = middle + ahead * (along - 0.5) * length + right * across * inward * width / 2
        return spot[0], up * height, spot[1]

    corners = [
        scene.at(*at(*corner, 0))
        for corner in ((-0.02, -1.05), (-0.02, 1.05), (1.02, 1.05), (1.02, -1.05))
    ]
    scene.paint(None, corners, (12, 12, 15), 200)  # its shadow
    parts = []
    for (a, low, clear), (b, high, _) in pairwise(profile):
        quad = [at(a, -1, low), at(a, 1, low), at(b, 1, high), at(b, -1, high)]
        inner = [at(a, -0.85, low), at(a, 0.85, low), at(b, 0.85, high), at(b, -0.85, high)]
        flat = abs(b - a) * length > abs(high - low) * height
        parts.append((np.mean([corner[2] for corner in quad]), quad, inner, clear, flat))
    for _, quad, inner, clear, flat in sorted(parts, key=lambda part: -part[0]):
        tone = colour * (scene.some(1.1, 1.4) if flat else scene.some(0.7, 0.95))
        scene.paint("car", [scene.at(*corner) for corner in quad], tone)
        if clear:
            tone = glass * scene.some(0.8, 1.3)
            scene.paint("car", [scene.at(*corner) for corner in inner], tone)
    end, lamp = (0, (170, 24, 24)) if middle @ ahead > 0 else (1, (225, 225, 215))

    def back(u, v):
        return scene.at(*at(end, u, v))

    for u in (-0.95, 0.55):
        scene.panel("car", back, (u, 0, u + 0.3, 0.2), (18, 18, 20))  # the tyres
        scene.panel("car", back, (u, 0.4, u + 0.4, 0.5), lamp)
    scene.panel("car", back, (-1, 0.18, 1, 0.28), colour * 0.5)
    scene.panel("car", back, (-0.3, 0.3, 0.3, 0.37), scene.pick([(220, 190, 60), WHITE]))
    hand = -1 if (middle - right * width / 2) @ right > 0 else 1
    if (middle + hand * right * width / 2) @ right * hand > 0:
        return  # only the end is seen

    def place(u, v):
        return scene.at(*at(u, hand, v))

    scene.paint("car", [place(a, v) for a, v, _ in profile], colour * scene.some(0.75, 1.1))
    upper = [(a, max(v, 0.62)) for a, v, _ in profile if v > 0.55 and 0.01 <= a < 0.9]
    if size >= 2:  # the windows of a van or a bus
        upper = [(0, 0.5), (0, 0.98), (0.75, 0.98), (0.9, 0.5)]
    centre = np.mean(upper, axis=0)
    scene.paint("car", [place(*(centre + (np.array(p) - centre) * 0.86)) for p in upper], glass)
    for a in np.linspace(0.4, 0.6, 1 if size < 2 else 3) + scene.some(-0.05, 0.05):
        scene.panel("car", place, (a, 0.3, a + 0.02, 0.97), colour * 0.75)
    scene.panel("car", place, (0.03, 0.18, 0.97, 0.25), colour * 0.4)
    for a in (0.19, 0.81):
        for radius, tint in ((0.36, 20), (0.31, 34), (0.19, 130)):
            disc = circle(place, a, 0.31 / height, radius / length, radius / height)
            scene.paint("car", disc, (tint, tint, tint + 2))
