"""Houses with gables, rows of windows, doors and shops."""

from functools import partial

import numpy as np

from lab.camvid.scenes.canvas import Canvas, Place
from lab.camvid.scenes.palette import DARK, STRONG, WALLS, WHITE


def house(scene: Canvas, side: int, x: float, z: float, length: float, height: float, faces=False):
    """A house along the street, its gable towards the camera; or one that faces it."""
    wall, roof = scene.pick(WALLS), scene.pick(((90, 70, 62), (80, 80, 86), (60, 56, 56)))
    if faces:
        front(scene, lambda u, v: scene.at(x + u, v, z), length, height, wall, roof, z)
        return
    out, rise = side * scene.some(5, 9), scene.some(0, 3.5)
    gable = [(x, 0), (x, height), (x + out / 2, height + rise), (x + out, height), (x + out, 0)]
    end = wall * scene.some(0.6, 0.9)
    scene.paint("building", [scene.at(u, v, z) for u, v in gable], end)
    if scene.chance(0.7):
        front(scene, lambda u, v: scene.at(x + side * u, v, z), abs(out), height, end, roof, z)
    slope = [(x, height, z), (x, height, z + length), (x + out / 2, height + rise, z + length),
             (x + out / 2, height + rise, z)]  # fmt: skip
    scene.paint("building", [scene.at(*corner) for corner in slope], roof)
    if scene.chance(0.5):
        chimney = scene.upright(x + out / 2, z + scene.some(0, length))
        scene.panel("building", chimney, (-0.5, height, 0.5, height + rise + 1), wall * 0.8)
    shade = wall * (scene.some(0.5, 0.8) if side == np.sign(scene.middle - 480) else 1)
    front(scene, lambda u, v: scene.at(x, v, z + u), length, height, shade, roof, z)


def front(scene: Canvas, place: Place, length, height, wall, roof, z):
    """A wall with rows of windows, and with doors or a shop below."""
    paint = partial(scene.panel, "building", place)
    paint((0, 0, length, height), wall)
    for v in np.arange(0, height, 0.3 if z < 25 else 1):  # courses
        tone = wall * scene.some(0.75, 1.2)
        paint((0, v, length, v + scene.some(0.03, 0.25)), tone, 90)
    paint((0, height - 0.3, length, height), roof * scene.some(0.8, 2))
    storey, step = scene.some(2.6, 3.4), scene.some(1.6, 3.2)
    wide, tall = step * scene.some(0.4, 0.75), storey * scene.some(0.4, 0.65)
    frame = scene.pick([WHITE, DARK, wall])
    pane = scene.pick([DARK, (70, 80, 95), (150, 165, 180)])
    shop = scene.chance(0.5)
    for floor, v in enumerate(np.arange(0.9, height - tall - 0.3, storey)):
        for u in np.arange(0.5, length - wide, step):
            low, glass = v, pane * scene.some(0.6, 1.3)
            if floor == 0 and (shop or scene.chance(0.25)):  # a shop window or a door
                low, glass = 0.15, glass if shop else scene.pick(STRONG) * 0.6
            box = (u, low, u + wide, v + tall)
            paint((u - 0.1, low - 0.1, u + wide + 0.1, v + tall + 0.1), frame)
            paint(box, glass)
            if z < 50:
                paint((u, low, u + wide * 0.45, low + tall / 2), glass * 1.3)
                paint((u + wide / 2, low, u + wide / 2 + 0.07, v + tall), frame)
    if shop and length > 4:
        left, right = scene.some(0, 1.5), length - scene.some(0, 2)
        kind, low = ("sign" if scene.chance(0.6) else "building"), scene.some(2.6, 3)
        board = scene.pick(STRONG) * 0.75
        paint((0, 0.1, length, 0.6), board * 0.7)
        scene.panel(kind, place, (left, low, right, low + scene.some(0.5, 0.9)), board)
        text = (left + 0.3, low + 0.15, right - 0.3, low + 0.4)
        scene.writing(kind, place, text, WHITE if board.mean() < 110 else DARK)
