"""The ground, and the plan of what stands on it."""

import numpy as np

from lab.camvid.scenes.canvas import FAR, WIDTH, Canvas
from lab.camvid.scenes.furniture import litter_bin, post, railing, tree
from lab.camvid.scenes.houses import house
from lab.camvid.scenes.palette import GREY, LEAVES, WHITE
from lab.camvid.scenes.people import bicycle, person
from lab.camvid.scenes.vehicles import car


def street(scene: Canvas):
    """The ground, and the list of what stands on it."""
    hidden = [(-50, scene.horizon), (WIDTH + 50, scene.horizon), (WIDTH + 50, 800), (-50, 800)]
    scene.paint("road", hidden, scene.pick([GREY]))
    for x in np.arange(-120, 120, scene.some(4, 12)):  # what closes the view
        z = scene.some(110, FAR)
        if scene.chance(0.5):
            scene.add(z, tree, x, z, scene.some(6, 12))
        else:
            scene.add(z, house, 1, x, z, scene.some(8, 20), scene.some(5, 11), True)
    grey = scene.some(70, 125) * np.array((1, 1, scene.some(0.98, 1.06)))
    lane = scene.some(2.6, 3.6)
    home = scene.rng.choice((-1, 1), p=(0.75, 0.25))  # the side that the car drives on
    lanes = 1 if scene.chance(0.75) else 2
    near, other = lane * scene.some(0.5, 0.8), lane * (lanes + scene.some(-0.5, 0.3))
    edges = {home: home * near, -home: -home * (other + lane * scene.some(0, 0.5))}
    if scene.chance(0.15):  # a square or a car park
        edges = {side: x + side * scene.some(3, 9) for side, x in edges.items()}
    for side, kerb in edges.items():
        roadside(scene, side, kerb)
    scene.strip("road", edges[-1], edges[1], 1, FAR, grey)
    for _ in range(scene.rng.integers(2, 9)):  # repairs and stains
        x, z = scene.some(edges[-1], edges[1]), scene.some(3, 30)
        far, right = z + scene.some(0.5, 9), min(x + scene.some(0.3, 2), edges[1])
        scene.strip("road", x, right, z, far, scene.pick([(40, 40, 42)]), 50)
    markings(scene, edges, -home * (lane / 2 + scene.some(-0.3, 0.3)))
    for _ in range(scene.rng.integers(0, 5)):  # shadows across the street
        z, x = scene.some(4, 40), scene.some(-9, 6)
        scene.strip(None, x, x + scene.some(2, 14), z, z * scene.some(1.1, 1.6), (8, 8, 16), 95)
    for z in np.arange(scene.some(7, 24), 90, scene.some(9, 24)):  # traffic
        ahead = scene.chance(0.5)
        x = scene.rng.normal(0, 0.3) if ahead else -home * scene.some(lane * 0.8, lane * 1.2)
        turn = 0 if ahead else np.pi
        if scene.chance(0.12):
            turn, x = scene.some(0, 7), scene.some(edges[-1], edges[1])
        size = scene.rng.choice(4, p=(0.45, 0.3, 0.17, 0.08))
        if scene.chance(0.45):
            scene.add(z, car, x, z + (size == 3) * 5, turn + scene.rng.normal(0, 0.06), size)


def markings(scene: Canvas, edges, centre: float):
    """Lines of the lanes, of the kerbs, across the road, and letters."""
    white = scene.pick([WHITE]) * scene.some(0.75, 1)
    wear = int(scene.some(120, 255))
    gap, dash = scene.some(3, 7), scene.some(1.5, 4)
    centre = np.clip(centre, edges[-1] + 0.1, edges[1] - 0.3)
    for z in np.arange(scene.some(2, 6), 80, gap + dash):
        scene.strip("road", centre, centre + 0.13, z, z + dash, white, wear)
    for x in (edges[-1] + 0.3, edges[1] - 0.4):
        colour = scene.pick([WHITE, (200, 175, 80)])
        for shift in (0, 0.22)[: scene.rng.integers(3)]:
            scene.strip("road", x + shift, x + shift + 0.1, 1, scene.some(30, 80), colour, wear)
    if scene.chance(0.35):
        z, end = scene.some(6, 25), edges[1] if scene.chance(0.4) else centre
        scene.strip("road", edges[-1], end, z, z + 0.3, white, wear)
    if scene.chance(0.3):
        z = scene.some(5, 14)
        box = (edges[-1] + 0.6, z, edges[-1] + scene.some(2, 4), z + scene.some(1, 2.5))
        scene.writing(None, lambda u, v: scene.at(u, 0, v), box, white)


def roadside(scene: Canvas, side: int, kerb: float):
    """The pavement of one side, and everything from the kerb outwards."""
    style = scene.rng.choice(("row", "open", "green"), p=(0.6, 0.22, 0.18))
    walk = kerb + side * (scene.some(1, 3) if scene.chance(0.93) else 0.3)
    paving = scene.some(105, 165) * np.array((1, scene.some(0.95, 1), scene.some(0.88, 1)))
    if style == "row":
        back = walk + side * scene.some(0, 1.5) * scene.chance(0.5)
        scene.strip("sidewalk", kerb, walk + side * 3, 1, FAR, paving)
    else:
        back = walk + side * scene.some(4, 25)
        beyond = scene.chance(0.75)
        kind, colour = ("tree", scene.pick(LEAVES)) if beyond else ("road", scene.pick([GREY]))
        scene.strip(kind, walk, walk + side * 200, 1, FAR, colour)
        scene.strip("sidewalk", kerb, walk, 1, FAR, paving)
    for z in np.geomspace(2.5, 40, 24)[:: scene.rng.integers(1, 4)]:  # joints of the paving
        scene.stroke(None, scene.at(kerb, 0, z), scene.at(walk, 0, z), 1, paving * 0.7, 120)
    scene.strip("sidewalk", kerb, kerb + side * 0.15, 1, FAR, paving * scene.some(0.8, 1.3))
    scene.strip("road", kerb, kerb - side * 0.08, 1, FAR, (50, 50, 52))
    if style == "open":
        for z in np.arange(scene.some(12, 40), 80, scene.some(12, 40)):  # a car park, and blocks
            scene.add(z, car, walk + side * scene.some(3, 14), z, scene.some(0, 7), 0)
            if scene.chance(0.3):
                length = scene.some(10, 40)
                x = walk + side * scene.some(2, 12) - (length if side < 0 else 0)
                scene.add(z, house, 1, x, z, length, scene.some(4, 11), True)
    z = scene.some(1, 8)
    while z < FAR:  # houses
        length = scene.some(5, 16)
        if scene.chance({"row": 0.93, "open": 0.6, "green": 0.25}[style]):
            x = back + side * scene.some(0, 1)
            scene.add(z + length, house, side, x, z, length, scene.some(4.5, 12))
        z += length + (scene.some(4, 12) if scene.chance(0.15) else 0)
    leafy = {"row": 0.16, "open": 0.4, "green": 1.0}[style]
    for z in np.arange(scene.some(5, 14), 100, scene.some(5, 12)):
        if scene.chance(leafy):
            x = walk + side * scene.some(0, 9 if style != "row" else 0.3)
            scene.add(z, tree, x, z, scene.some(4, 11))
    if scene.chance(0.3 if style == "row" else 0.55):
        x = walk if style != "row" or scene.chance(0.3) else kerb + side * 0.3
        start = scene.some(3, 25)
        railing(scene, x, start, start + scene.some(6, 40))
    for z in np.arange(scene.some(6, 20), 110, scene.some(11, 28)):  # posts along the kerb
        scene.add(z, post, kerb + side * scene.some(0.2, 0.6), z, side)
    for z in np.arange(scene.some(7, 30), 90, scene.some(4, 16)):
        x = scene.some(min(kerb, walk), max(kerb, walk))
        if scene.chance(0.45):
            for _ in range(scene.rng.integers(1, 4)):
                there = z + scene.some(0, 2)
                scene.add(there, person, x + scene.some(-0.7, 0.7), there)
        elif scene.chance(0.38):
            scene.add(z, bicycle, kerb - side * scene.some(0.2, 1), z)
        elif scene.chance(0.25):
            scene.add(z, litter_bin, x, z)
    if scene.chance(0.5):  # parked cars
        for z in np.arange(scene.some(5, 25), 90, scene.some(5.2, 7)):
            if scene.chance(0.6):
                turn = np.pi * scene.chance(0.4) + scene.rng.normal(0, 0.04)
                scene.add(z, car, kerb - side * 1, z, turn, scene.rng.choice(3))
