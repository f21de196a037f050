"""What stands along a street: trees, railings, posts with lamps, signs and lights, bins."""

import numpy as np

from lab.camvid.scenes.canvas import Canvas, circle
from lab.camvid.scenes.palette import CLOTHES, DARK, GREY, LEAVES, STRONG, WHITE


def tree(scene: Canvas, x: float, z: float, height: float):
    """A tree with leaves, a bare one, or a bush; all of it is tree."""
    leaf, bark, scale = scene.pick(LEAVES), scene.pick([(70, 62, 54)]), scene.focal / z
    place, bush, bare = scene.upright(x, z), scene.chance(0.3), scene.chance(0.4)
    if bush:
        height *= 0.3
    crown, wide = height * (0.5 if bush else 0.62), height * scene.some(0.25, 0.45) * (1 + bush)
    if not bush:
        top, thick = place(scene.some(-0.3, 0.3), crown), 0.035 * height * scale
        scene.stroke("tree", place(0, 0), top, thick, bark)
    tall = crown if bush else height - crown
    for part in scene.rng.normal(0, 0.3, (14 if bare and not bush else 0, 2)):  # a veil of twigs
        points = circle(place, part[0] * wide, crown + part[1] * tall, wide * 0.5, tall * 0.5)
        scene.paint("tree", points, bark, 28)
    if bare and not bush:
        for _ in range(int(np.clip(2 * height * scale / 10, 40, 160))):
            turn, reach = scene.rng.normal(0, 0.8), scene.some(0.3, 1)
            fork = scene.some(0.2, 0.7)
            tip = place(np.sin(turn) * wide * reach, crown + np.cos(turn) * tall * reach)
            foot = place(np.sin(turn) * wide * fork * 0.3, crown * (0.7 + 0.5 * fork))
            thick, tone = 0.02 * scale * scene.some(0.3, 2), bark * scene.some(0.7, 1.5)
            scene.stroke("tree", foot, tip, thick, tone)
        return
    count = int(np.clip(height * scale / 3, 25, 300))
    parts = scene.rng.normal(0, 0.45, (count, 2))
    parts /= np.maximum(np.hypot(*parts.T) / scene.some(0.75, 1), 1)[:, None]  # none flies off
    for part in sorted(parts, key=lambda part: part[1]):
        size, tone = wide * scene.some(0.07, 0.28), 0.9 + 0.35 * part[1] + scene.some(-0.25, 0.25)
        points = circle(place, part[0] * wide, crown + part[1] * tall, size, size * 0.8, 9)
        scene.paint("tree", points, leaf * tone)


def railing(scene: Canvas, x: float, near: float, far: float):
    """A fence along the street: of bars, of mesh or of boards; in pieces, by distance."""
    height, bars = scene.some(0.9, 2.2), scene.chance(0.6)
    colour = scene.pick([DARK, GREY, (120, 96, 70), (200, 200, 196), (50, 80, 60), (70, 72, 76)])
    step, veil = scene.some(0.12, 0.3), int(scene.some(30, 110)) if bars else 255

    def piece(scene: Canvas, start: float, end: float):
        def place(u, v):
            return scene.at(x, v, u)

        scene.panel("fence", place, (start, 0.05, end, height), colour * 0.9, veil)
        for z in np.arange(start, end, step * max(1, start / 12)):
            scene.panel("fence", place, (z, 0.05, z + 0.03, height), colour * scene.some(0.6, 1.1))
        scene.panel("fence", place, (start, height - 0.06, end, height), colour)
        scene.panel("fence", place, (start, 0.1, end, 0.16), colour)
        scene.panel("fence", place, (start, 0, start + 0.08, height + 0.1), colour * 0.8)

    for z in np.arange(near, far, 2.4):
        scene.add(z + 2.4, piece, z, min(z + 2.4, far))


def post(scene: Canvas, x: float, z: float, side: int):
    """A lamp, a sign, lights or a bollard, on its pole."""
    place, scale = scene.upright(x, z), scene.focal / z
    colour = scene.pick([GREY, (150, 155, 158), (60, 64, 66), (40, 44, 42), DARK])
    what = scene.rng.choice(("lamp", "sign", "lights", "bollard"), p=(0.38, 0.34, 0.16, 0.12))
    heights = {"lamp": (5, 9), "sign": (2.3, 3.4), "lights": (2.8, 3.4), "bollard": (0.9, 1.1)}
    top, thick = scene.some(*heights[what]), scene.some(0.08, 0.17) * scale
    width = max(1.5, min(thick, 16))
    scene.stroke("pole", place(0, 0), place(0, top), width, colour)
    scene.stroke("pole", place(0, 0), place(0, min(1.1, top)), width * 1.3, colour * 0.9)
    if what == "lamp":
        end = -side * scene.some(0.4, 1.8)
        scene.stroke("pole", place(0, top), place(end, top + 0.2), width * 0.7, colour)
        scene.panel("pole", place, (end - 0.35, top + 0.1, end + 0.35, top + 0.3), colour * 1.2)
    if what == "lights":
        scene.panel("sign", place, (-0.2, top - 1, 0.2, top + 0.1), DARK)
        lit = scene.rng.integers(3)
        for i, lamp in enumerate(((40, 220, 120), (240, 170, 40), (240, 50, 40))):
            disc = circle(place, 0, top - 0.8 + 0.35 * i, 0.12, 0.12)
            scene.paint("sign", disc, lamp if i == lit else (50, 48, 44))
    if what == "sign" or (what != "bollard" and scene.chance(0.3)):
        middle, size, colour = min(top - 0.4, 2.6), scene.some(0.25, 0.5), scene.pick(STRONG)
        corners = int(scene.rng.choice((3, 14, 4)))
        inner = WHITE if colour.mean() < 150 else DARK
        if corners == 4:
            wide = size * scene.some(0.7, 1.8)
            scene.panel("sign", place, (-wide, middle - size, wide, middle + size), colour)
            for v in np.arange(middle - size * 0.8, middle + size * 0.5, size * 0.5):
                scene.writing("sign", place, (-wide * 0.85, v, wide * 0.85, v + size / 4), inner)
        else:
            for part, tone in ((1, colour), (0.72, inner)):
                turned = circle(
                    lambda u, v: place(v, u), middle, 0, size * part, size * part, corners
                )
                scene.paint("sign", turned, tone)
            scene.writing("sign", place, (-size / 3, middle - size / 5, size / 3, middle), DARK)


def litter_bin(scene: Canvas, x: float, z: float):
    """A litter_bin, a box or a board that is void."""
    wide, high, colour = scene.some(0.2, 0.6), scene.some(0.7, 1.6), scene.pick(STRONG + CLOTHES)
    scene.panel("void", scene.upright(x, z), (-wide, 0, wide, high), colour * 0.6)
    scene.panel("void", scene.upright(x, z), (-wide, high - 0.15, wide, high), colour * 0.8)
