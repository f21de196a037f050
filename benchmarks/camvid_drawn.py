"""Draws street scenes as seen from a car, with their labels, in CamVid's layout.

Run as `python benchmarks/camvid_drawn.py FOLDER`. The scenes are for training a network before it
sees CamVid; `scmnet_zoo.data.camvid` reads the folder. A street is a plan in metres: x to the
right of the camera, y up from the road, z ahead. What stands on it is drawn from far to near, in
the image and in the label by the same polygons. As in CamVid's labels, the gaps of railings, bare
trees and wheels belong to the thing; a veil is drawn over them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from rich.console import Console
from rich.progress import track

from scmnet_zoo.data import CAMVID, VOID

WIDTH, HEIGHT = 960, 720
FAR = 150.0  # metres
IDS = {name: number for number, name in enumerate(CAMVID.classes)} | {"void": VOID}
# How strong four textures are by class: of the plane of the road, fine, of leaves, and in patches.
GRAINS = {
    "sky": (0, 0.005, 0, 0), "building": (0, 0.06, 0.06, 0.2), "pole": (0, 0.06, 0.04, 0.1),
    "road": (0.1, 0.03, 0, 0.12), "sidewalk": (0.14, 0.04, 0, 0.12), "tree": (0.1, 0.16, 0.4, 0.2),
    "sign": (0, 0.04, 0.04, 0.1), "fence": (0, 0.08, 0.12, 0.15), "car": (0, 0.03, 0.08, 0.2),
    "pedestrian": (0, 0.08, 0.15, 0.1), "bicyclist": (0, 0.08, 0.15, 0.1),
    "void": (0, 0.05, 0.08, 0.2),
}  # fmt: skip
GREY, DARK, WHITE = (125, 125, 128), (32, 33, 38), (232, 232, 228)
WALLS = ((168, 120, 92), (186, 168, 128), (204, 196, 180), (140, 92, 74), (122, 120, 118),
         (226, 222, 212), (110, 96, 84), (196, 182, 140), (92, 84, 82))  # fmt: skip
PAINTS = ((24, 26, 30), (170, 174, 180), (205, 205, 205), (120, 24, 28), (32, 52, 100),
          (60, 66, 74), (40, 70, 60), (110, 116, 124), (150, 30, 30), (54, 90, 150),
          (190, 160, 50))  # fmt: skip
CLOTHES = ((30, 32, 40), (50, 52, 60), (46, 54, 88), (96, 40, 40), (110, 104, 96), (180, 176, 170))
STRONG = ((190, 30, 36), (24, 70, 160), (20, 110, 70), (225, 190, 40), WHITE, (90, 50, 30))
LEAVES = ((74, 92, 44), (58, 78, 40), (92, 98, 52), (104, 92, 58), (46, 62, 40))
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

Point = tuple[float, float]
Place = Callable[[float, float], Point]  # from a plane in metres to the image
Colour = Sequence[float] | np.ndarray


def circle(place: Place, u: float, v: float, across: float, up: float, count: int = 14):
    """The corners of an ellipse."""
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [place(u + across * np.cos(turn), v + up * np.sin(turn)) for turn in turns]


class Scene:
    """One street, drawn when it is made."""

    def __init__(self, seed: int, number: int):
        self.rng = np.random.default_rng([seed, number])
        self.some, self.chance = self.rng.uniform, lambda p: self.rng.random() < p
        self.horizon, self.middle = self.some(300, 400), self.some(280, 680)
        self.focal, self.eye = self.some(800, 1100), self.some(1.2, 1.6)
        self.bend = self.rng.normal(0, 0.0009)
        self.dim = self.some(0.25, 0.5) if self.chance(0.25) else self.some(0.7, 1.15)
        self.image = Image.fromarray(self.sky())
        self.label = Image.new("L", self.image.size, IDS["sky"])
        self.pens = ImageDraw.Draw(self.image), ImageDraw.Draw(self.image, "RGBA")
        self.label_pen = ImageDraw.Draw(self.label)
        self.things: list[tuple[float, Callable[[], None]]] = []  # distance, how to draw it
        self.street()
        for _, draw in sorted(self.things, key=lambda thing: -thing[0]):
            draw()
        self.finish()

    # Tools

    def noise(self, *rows: int) -> np.ndarray:
        """Smooth noise of the frame's size, about -1 to 1, of several scales added up."""
        total = np.zeros((HEIGHT, WIDTH), np.float32)
        for count in rows:
            grid = self.rng.standard_normal((count, count * 4 // 3), np.float32)
            part = Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
            total += np.asarray(part)
        return total / len(rows) ** 0.5

    def pick(self, colours: Sequence[Colour], spread: float = 9) -> np.ndarray:
        """One of several colours, changed a little."""
        chosen = np.array(colours[int(self.rng.integers(len(colours)))], np.float64)
        return chosen * self.some(0.8, 1.15) + self.rng.normal(0, spread / 2, 3)

    def paint(self, kind: str | None, points: Sequence[Point], colour: Colour, opacity: int = 255):
        """A polygon in the image and in the label; without a class, as a shadow, no label."""
        fill = tuple(int(min(max(value, 0), 255)) for value in colour)
        corners = [
            (round(min(max(x, -9e3), 9e3)), round(min(max(y, -9e3), 9e3))) for x, y in points
        ]
        if opacity == 255:
            self.pens[0].polygon(corners, fill)
        else:
            self.pens[1].polygon(corners, (*fill, opacity))
        if kind:
            self.label_pen.polygon(corners, IDS[kind])

    def panel(self, kind, place: Place, box, colour: Colour, opacity: int = 255):
        """A rectangle (left, bottom, right, top) of a plane."""
        left, low, right, top = box
        corners = [place(left, low), place(left, top), place(right, top), place(right, low)]
        self.paint(kind, corners, colour, opacity)

    def stroke(self, kind, start: Point, end: Point, width: float, colour: Colour, opacity=255):
        """A thick line, its width in pixels."""
        (x, y), (u, v) = start, end
        half = max(width, 1) / 2 / max(np.hypot(u - x, v - y), 1e-6)
        dx, dy = (v - y) * half, (x - u) * half
        points = [(x - dx, y - dy), (x + dx, y + dy), (u + dx, v + dy), (u - dx, v - dy)]
        self.paint(kind, points, colour, opacity)

    def writing(self, kind, place: Place, box, colour: Colour):
        """Something like a line of letters in a rectangle."""
        left, low, right, top = box
        step = (top - low) * self.some(0.55, 0.8)
        for u in np.arange(left, right - step, step * 1.25):
            self.panel(kind, place, (u, low, u + step / 3, top), colour)
            v = self.some(low, top - (top - low) / 4)
            self.panel(kind, place, (u, v, u + step, v + (top - low) / 4), colour)

    def at(self, x: float, y: float, z: float) -> Point:
        """The pixel of a point of the street."""
        z = max(z, 0.7)
        scale = self.focal / z
        return self.middle + (x + self.bend * z * z) * scale, self.horizon + (self.eye - y) * scale

    def upright(self, x: float, z: float) -> Place:
        """The plane that faces the camera with its origin on the ground there."""
        return lambda u, v: self.at(x + u, v, z)

    def strip(self, kind, left: float, right: float, near: float, far: float, colour, opacity=255):
        """A part of the ground along the street."""
        steps = np.geomspace(near, far, 14)
        there = [self.at(left, 0, z) for z in steps]
        self.paint(kind, there + [self.at(right, 0, z) for z in steps[::-1]], colour, opacity)

    # The street

    def sky(self) -> np.ndarray:
        """Blue or overcast, paler towards the horizon, with clouds."""
        top = self.pick(((110, 150, 215), (150, 180, 225), (205, 210, 216), (240, 242, 245)), 6)
        low = self.pick(((235, 240, 246), (250, 250, 250), (215, 222, 232)), 6)
        down = np.clip(np.linspace(0, HEIGHT / self.horizon, HEIGHT), 0, 1)[:, None, None]
        clouds = np.clip(
            self.noise(4, 8, 16, 40) * self.some(0.3, 0.8) + self.some(-0.6, 0.7), 0, 1
        )
        shade = np.clip(self.some(0.7, 1.1) + 0.15 * self.noise(6, 14, 30), 0.4, 1.15)
        colour = top + (low - top) * down
        colour = colour + (235 * shade[..., None] - colour) * clouds[..., None]
        return np.clip(colour * (0.5 + 0.5 * min(self.dim * 1.3, 1)), 0, 255).astype("uint8")

    def street(self):
        """The ground, and the list of what stands on it."""
        hidden = [(-50, self.horizon), (WIDTH + 50, self.horizon), (WIDTH + 50, 800), (-50, 800)]
        self.paint("road", hidden, self.pick([GREY]))
        for x in np.arange(-120, 120, self.some(4, 12)):  # what closes the view
            z = self.some(110, FAR)
            if self.chance(0.5):
                self.add(z, self.tree, x, z, self.some(6, 12))
            else:
                self.add(z, self.house, 1, x, z, self.some(8, 20), self.some(5, 11), True)
        grey = self.some(70, 125) * np.array((1, 1, self.some(0.98, 1.06)))
        lane = self.some(2.6, 3.6)
        home = self.rng.choice((-1, 1), p=(0.75, 0.25))  # the side that the car drives on
        lanes = 1 if self.chance(0.75) else 2
        near, other = lane * self.some(0.5, 0.8), lane * (lanes + self.some(-0.5, 0.3))
        edges = {home: home * near, -home: -home * (other + lane * self.some(0, 0.5))}
        if self.chance(0.15):  # a square or a car park
            edges = {side: x + side * self.some(3, 9) for side, x in edges.items()}
        for side, kerb in edges.items():
            self.side(side, kerb)
        self.strip("road", edges[-1], edges[1], 1, FAR, grey)
        for _ in range(self.rng.integers(2, 9)):  # repairs and stains
            x, z = self.some(edges[-1], edges[1]), self.some(3, 30)
            far, right = z + self.some(0.5, 9), min(x + self.some(0.3, 2), edges[1])
            self.strip("road", x, right, z, far, self.pick([(40, 40, 42)]), 50)
        self.markings(edges, -home * (lane / 2 + self.some(-0.3, 0.3)))
        for _ in range(self.rng.integers(0, 5)):  # shadows across the street
            z, x = self.some(4, 40), self.some(-9, 6)
            self.strip(None, x, x + self.some(2, 14), z, z * self.some(1.1, 1.6), (8, 8, 16), 95)
        for z in np.arange(self.some(7, 24), 90, self.some(9, 24)):  # traffic
            ahead = self.chance(0.5)
            x = self.rng.normal(0, 0.3) if ahead else -home * self.some(lane * 0.8, lane * 1.2)
            turn = 0 if ahead else np.pi
            if self.chance(0.12):
                turn, x = self.some(0, 7), self.some(edges[-1], edges[1])
            size = self.rng.choice(4, p=(0.45, 0.3, 0.17, 0.08))
            if self.chance(0.45):
                self.add(z, self.car, x, z + (size == 3) * 5, turn + self.rng.normal(0, 0.06), size)

    def add(self, distance: float, draw, *arguments):
        """Put something on the list of what is to be drawn."""
        self.things.append((distance, partial(draw, *arguments)))

    def markings(self, edges, centre: float):
        """Lines of the lanes, of the kerbs, across the road, and letters."""
        white = self.pick([WHITE]) * self.some(0.75, 1)
        wear = int(self.some(120, 255))
        gap, dash = self.some(3, 7), self.some(1.5, 4)
        centre = np.clip(centre, edges[-1] + 0.1, edges[1] - 0.3)
        for z in np.arange(self.some(2, 6), 80, gap + dash):
            self.strip("road", centre, centre + 0.13, z, z + dash, white, wear)
        for x in (edges[-1] + 0.3, edges[1] - 0.4):
            colour = self.pick([WHITE, (200, 175, 80)])
            for shift in (0, 0.22)[: self.rng.integers(3)]:
                self.strip("road", x + shift, x + shift + 0.1, 1, self.some(30, 80), colour, wear)
        if self.chance(0.35):
            z, end = self.some(6, 25), edges[1] if self.chance(0.4) else centre
            self.strip("road", edges[-1], end, z, z + 0.3, white, wear)
        if self.chance(0.3):
            z = self.some(5, 14)
            box = (edges[-1] + 0.6, z, edges[-1] + self.some(2, 4), z + self.some(1, 2.5))
            self.writing(None, lambda u, v: self.at(u, 0, v), box, white)

    def side(self, side: int, kerb: float):
        """The pavement of one side, and everything from the kerb outwards."""
        style = self.rng.choice(("row", "open", "green"), p=(0.6, 0.22, 0.18))
        walk = kerb + side * (self.some(1, 3) if self.chance(0.93) else 0.3)
        paving = self.some(105, 165) * np.array((1, self.some(0.95, 1), self.some(0.88, 1)))
        if style == "row":
            back = walk + side * self.some(0, 1.5) * self.chance(0.5)
            self.strip("sidewalk", kerb, walk + side * 3, 1, FAR, paving)
        else:
            back = walk + side * self.some(4, 25)
            beyond = self.chance(0.75)
            kind, colour = ("tree", self.pick(LEAVES)) if beyond else ("road", self.pick([GREY]))
            self.strip(kind, walk, walk + side * 200, 1, FAR, colour)
            self.strip("sidewalk", kerb, walk, 1, FAR, paving)
        for z in np.geomspace(2.5, 40, 24)[:: self.rng.integers(1, 4)]:  # joints of the paving
            self.stroke(None, self.at(kerb, 0, z), self.at(walk, 0, z), 1, paving * 0.7, 120)
        self.strip("sidewalk", kerb, kerb + side * 0.15, 1, FAR, paving * self.some(0.8, 1.3))
        self.strip("road", kerb, kerb - side * 0.08, 1, FAR, (50, 50, 52))
        if style == "open":
            for z in np.arange(self.some(12, 40), 80, self.some(12, 40)):  # a car park, and blocks
                self.add(z, self.car, walk + side * self.some(3, 14), z, self.some(0, 7), 0)
                if self.chance(0.3):
                    length = self.some(10, 40)
                    x = walk + side * self.some(2, 12) - (length if side < 0 else 0)
                    self.add(z, self.house, 1, x, z, length, self.some(4, 11), True)
        z = self.some(1, 8)
        while z < FAR:  # houses
            length = self.some(5, 16)
            if self.chance({"row": 0.93, "open": 0.6, "green": 0.25}[style]):
                x = back + side * self.some(0, 1)
                self.add(z + length, self.house, side, x, z, length, self.some(4.5, 12))
            z += length + (self.some(4, 12) if self.chance(0.15) else 0)
        leafy = {"row": 0.16, "open": 0.4, "green": 1.0}[style]
        for z in np.arange(self.some(5, 14), 100, self.some(5, 12)):
            if self.chance(leafy):
                x = walk + side * self.some(0, 9 if style != "row" else 0.3)
                self.add(z, self.tree, x, z, self.some(4, 11))
        if self.chance(0.3 if style == "row" else 0.55):
            x = walk if style != "row" or self.chance(0.3) else kerb + side * 0.3
            start = self.some(3, 25)
            self.railing(x, start, start + self.some(6, 40))
        for z in np.arange(self.some(6, 20), 110, self.some(11, 28)):  # posts along the kerb
            self.add(z, self.post, kerb + side * self.some(0.2, 0.6), z, side)
        for z in np.arange(self.some(7, 30), 90, self.some(4, 16)):
            x = self.some(min(kerb, walk), max(kerb, walk))
            if self.chance(0.45):
                for _ in range(self.rng.integers(1, 4)):
                    there = z + self.some(0, 2)
                    self.add(there, self.person, x + self.some(-0.7, 0.7), there)
            elif self.chance(0.38):
                self.add(z, self.bicycle, kerb - side * self.some(0.2, 1), z)
            elif self.chance(0.25):
                self.add(z, self.bin, x, z)
        if self.chance(0.5):  # parked cars
            for z in np.arange(self.some(5, 25), 90, self.some(5.2, 7)):
                if self.chance(0.6):
                    turn = np.pi * self.chance(0.4) + self.rng.normal(0, 0.04)
                    self.add(z, self.car, kerb - side * 1, z, turn, self.rng.choice(3))

    # Things

    def house(self, side: int, x: float, z: float, length: float, height: float, faces=False):
        """A house along the street, its gable towards the camera; or one that faces it."""
        wall, roof = self.pick(WALLS), self.pick(((90, 70, 62), (80, 80, 86), (60, 56, 56)))
        if faces:
            self.front(lambda u, v: self.at(x + u, v, z), length, height, wall, roof, z)
            return
        out, rise = side * self.some(5, 9), self.some(0, 3.5)
        gable = [(x, 0), (x, height), (x + out / 2, height + rise), (x + out, height), (x + out, 0)]
        end = wall * self.some(0.6, 0.9)
        self.paint("building", [self.at(u, v, z) for u, v in gable], end)
        if self.chance(0.7):
            self.front(lambda u, v: self.at(x + side * u, v, z), abs(out), height, end, roof, z)
        slope = [(x, height, z), (x, height, z + length), (x + out / 2, height + rise, z + length),
                 (x + out / 2, height + rise, z)]  # fmt: skip
        self.paint("building", [self.at(*corner) for corner in slope], roof)
        if self.chance(0.5):
            chimney = self.upright(x + out / 2, z + self.some(0, length))
            self.panel("building", chimney, (-0.5, height, 0.5, height + rise + 1), wall * 0.8)
        shade = wall * (self.some(0.5, 0.8) if side == np.sign(self.middle - 480) else 1)
        self.front(lambda u, v: self.at(x, v, z + u), length, height, shade, roof, z)

    def front(self, place: Place, length, height, wall, roof, z):
        """A wall with rows of windows, and with doors or a shop below."""
        paint = partial(self.panel, "building", place)
        paint((0, 0, length, height), wall)
        for v in np.arange(0, height, 0.3 if z < 25 else 1):  # courses
            tone = wall * self.some(0.75, 1.2)
            paint((0, v, length, v + self.some(0.03, 0.25)), tone, 90)
        paint((0, height - 0.3, length, height), roof * self.some(0.8, 2))
        storey, step = self.some(2.6, 3.4), self.some(1.6, 3.2)
        wide, tall = step * self.some(0.4, 0.75), storey * self.some(0.4, 0.65)
        frame = self.pick([WHITE, DARK, wall])
        pane = self.pick([DARK, (70, 80, 95), (150, 165, 180)])
        shop = self.chance(0.5)
        for floor, v in enumerate(np.arange(0.9, height - tall - 0.3, storey)):
            for u in np.arange(0.5, length - wide, step):
                low, glass = v, pane * self.some(0.6, 1.3)
                if floor == 0 and (shop or self.chance(0.25)):  # a shop window or a door
                    low, glass = 0.15, glass if shop else self.pick(STRONG) * 0.6
                box = (u, low, u + wide, v + tall)
                paint((u - 0.1, low - 0.1, u + wide + 0.1, v + tall + 0.1), frame)
                paint(box, glass)
                if z < 50:
                    paint((u, low, u + wide * 0.45, low + tall / 2), glass * 1.3)
                    paint((u + wide / 2, low, u + wide / 2 + 0.07, v + tall), frame)
        if shop and length > 4:
            left, right = self.some(0, 1.5), length - self.some(0, 2)
            kind, low = ("sign" if self.chance(0.6) else "building"), self.some(2.6, 3)
            board = self.pick(STRONG) * 0.75
            paint((0, 0.1, length, 0.6), board * 0.7)
            self.panel(kind, place, (left, low, right, low + self.some(0.5, 0.9)), board)
            text = (left + 0.3, low + 0.15, right - 0.3, low + 0.4)
            self.writing(kind, place, text, WHITE if board.mean() < 110 else DARK)

    def tree(self, x: float, z: float, height: float):
        """A tree with leaves, a bare one, or a bush; all of it is tree."""
        leaf, bark, scale = self.pick(LEAVES), self.pick([(70, 62, 54)]), self.focal / z
        place, bush, bare = self.upright(x, z), self.chance(0.3), self.chance(0.4)
        if bush:
            height *= 0.3
        crown, wide = height * (0.5 if bush else 0.62), height * self.some(0.25, 0.45) * (1 + bush)
        if not bush:
            top, thick = place(self.some(-0.3, 0.3), crown), 0.035 * height * scale
            self.stroke("tree", place(0, 0), top, thick, bark)
        tall = crown if bush else height - crown
        for part in self.rng.normal(0, 0.3, (14 if bare and not bush else 0, 2)):  # a veil of twigs
            points = circle(place, part[0] * wide, crown + part[1] * tall, wide * 0.5, tall * 0.5)
            self.paint("tree", points, bark, 28)
        if bare and not bush:
            for _ in range(int(np.clip(2 * height * scale / 10, 40, 160))):
                turn, reach = self.rng.normal(0, 0.8), self.some(0.3, 1)
                fork = self.some(0.2, 0.7)
                tip = place(np.sin(turn) * wide * reach, crown + np.cos(turn) * tall * reach)
                foot = place(np.sin(turn) * wide * fork * 0.3, crown * (0.7 + 0.5 * fork))
                thick, tone = 0.02 * scale * self.some(0.3, 2), bark * self.some(0.7, 1.5)
                self.stroke("tree", foot, tip, thick, tone)
            return
        count = int(np.clip(height * scale / 3, 25, 300))
        parts = self.rng.normal(0, 0.45, (count, 2))
        parts /= np.maximum(np.hypot(*parts.T) / self.some(0.75, 1), 1)[:, None]  # none flies off
        for part in sorted(parts, key=lambda part: part[1]):
            size, tone = wide * self.some(0.07, 0.28), 0.9 + 0.35 * part[1] + self.some(-0.25, 0.25)
            points = circle(place, part[0] * wide, crown + part[1] * tall, size, size * 0.8, 9)
            self.paint("tree", points, leaf * tone)

    def railing(self, x: float, near: float, far: float):
        """A fence along the street: of bars, of mesh or of boards; in pieces, by distance."""
        height, bars = self.some(0.9, 2.2), self.chance(0.6)
        colour = self.pick([DARK, GREY, (120, 96, 70), (200, 200, 196), (50, 80, 60), (70, 72, 76)])
        step, veil = self.some(0.12, 0.3), int(self.some(30, 110)) if bars else 255

        def piece(start: float, end: float):
            def place(u, v):
                return self.at(x, v, u)

            self.panel("fence", place, (start, 0.05, end, height), colour * 0.9, veil)
            for z in np.arange(start, end, step * max(1, start / 12)):
                self.panel(
                    "fence", place, (z, 0.05, z + 0.03, height), colour * self.some(0.6, 1.1)
                )
            self.panel("fence", place, (start, height - 0.06, end, height), colour)
            self.panel("fence", place, (start, 0.1, end, 0.16), colour)
            self.panel("fence", place, (start, 0, start + 0.08, height + 0.1), colour * 0.8)

        for z in np.arange(near, far, 2.4):
            self.add(z + 2.4, piece, z, min(z + 2.4, far))

    def post(self, x: float, z: float, side: int):
        """A lamp, a sign, lights or a bollard, on its pole."""
        place, scale = self.upright(x, z), self.focal / z
        colour = self.pick([GREY, (150, 155, 158), (60, 64, 66), (40, 44, 42), DARK])
        what = self.rng.choice(("lamp", "sign", "lights", "bollard"), p=(0.38, 0.34, 0.16, 0.12))
        heights = {"lamp": (5, 9), "sign": (2.3, 3.4), "lights": (2.8, 3.4), "bollard": (0.9, 1.1)}
        top, thick = self.some(*heights[what]), self.some(0.08, 0.17) * scale
        width = max(1.5, min(thick, 16))
        self.stroke("pole", place(0, 0), place(0, top), width, colour)
        self.stroke("pole", place(0, 0), place(0, min(1.1, top)), width * 1.3, colour * 0.9)
        if what == "lamp":
            end = -side * self.some(0.4, 1.8)
            self.stroke("pole", place(0, top), place(end, top + 0.2), width * 0.7, colour)
            self.panel("pole", place, (end - 0.35, top + 0.1, end + 0.35, top + 0.3), colour * 1.2)
        if what == "lights":
            self.panel("sign", place, (-0.2, top - 1, 0.2, top + 0.1), DARK)
            lit = self.rng.integers(3)
            for i, lamp in enumerate(((40, 220, 120), (240, 170, 40), (240, 50, 40))):
                disc = circle(place, 0, top - 0.8 + 0.35 * i, 0.12, 0.12)
                self.paint("sign", disc, lamp if i == lit else (50, 48, 44))
        if what == "sign" or (what != "bollard" and self.chance(0.3)):
            middle, size, colour = min(top - 0.4, 2.6), self.some(0.25, 0.5), self.pick(STRONG)
            corners = int(self.rng.choice((3, 14, 4)))
            inner = WHITE if colour.mean() < 150 else DARK
            if corners == 4:
                wide = size * self.some(0.7, 1.8)
                self.panel("sign", place, (-wide, middle - size, wide, middle + size), colour)
                for v in np.arange(middle - size * 0.8, middle + size * 0.5, size * 0.5):
                    self.writing("sign", place, (-wide * 0.85, v, wide * 0.85, v + size / 4), inner)
            else:
                for part, tone in ((1, colour), (0.72, inner)):
                    turned = circle(
                        lambda u, v: place(v, u), middle, 0, size * part, size * part, corners
                    )
                    self.paint("sign", turned, tone)
                self.writing("sign", place, (-size / 3, middle - size / 5, size / 3, middle), DARK)

    def bin(self, x: float, z: float):
        """A bin, a box or a board that is void."""
        wide, high, colour = self.some(0.2, 0.6), self.some(0.7, 1.6), self.pick(STRONG + CLOTHES)
        self.panel("void", self.upright(x, z), (-wide, 0, wide, high), colour * 0.6)
        self.panel("void", self.upright(x, z), (-wide, high - 0.15, wide, high), colour * 0.8)

    def limbs(self, kind: str, place: Place, scale: float, lines, colour):
        """Lines of a body or a frame: from u, v to u, v with a width in metres."""
        for u, v, right, top, thick in lines:
            tone = colour * self.some(0.85, 1.15)
            self.stroke(kind, place(u, v), place(right, top), thick * scale, tone)

    def head(self, kind: str, place: Place, u: float, v: float):
        """A face and the hair, a hat or a helmet above it."""
        skin = self.pick([(200, 150, 125), (120, 84, 66)])
        self.paint(kind, circle(place, u, v, 0.1, 0.13), skin)
        self.paint(kind, circle(place, u, v + 0.05, 0.11, 0.1), self.pick(CLOTHES + LEAVES))

    def person(self, x: float, z: float):
        """Somebody on foot."""
        size, stride, scale = self.some(0.78, 1.08), self.some(-0.3, 0.3), self.focal / z
        coat, legs, foot = self.pick(CLOTHES), self.pick(CLOTHES[:3]), self.at(x, 0.05, z)

        def place(u, v):
            return foot[0] + u * size * scale, foot[1] - v * size * scale

        self.limbs("pedestrian", place, scale, [(-0.08, 0.85, stride, 0, 0.15)], legs)
        self.limbs("pedestrian", place, scale, [(0.08, 0.85, -stride, 0, 0.15)], legs * 0.9)
        body = [(-0.2, 0.75), (-0.24, 1.4), (-0.08, 1.52), (0.08, 1.52), (0.24, 1.4), (0.2, 0.75)]
        self.paint("pedestrian", [place(*corner) for corner in body], coat)
        for u in (-1, 1):
            arm = (0.24 * u, 1.4, u * (0.28 + stride / 3), 0.8, 0.1)
            self.limbs("pedestrian", place, scale, [arm], coat * 0.85)
        if self.chance(0.3):
            self.panel("pedestrian", place, (0.2, 0.5, 0.45, 0.85), self.pick(STRONG) * 0.7)
        self.head("pedestrian", place, 0, 1.64)

    def bicycle(self, x: float, z: float):
        """Somebody on a bicycle, from the side or nearly from behind."""
        turn, scale = self.rng.choice((-1, 1)) * self.some(0.12, 1), self.focal / z
        coat, frame, foot = self.pick(CLOTHES + STRONG), self.pick(PAINTS), self.at(x, 0, z)

        def place(u, v):
            return foot[0] + u * turn * scale, foot[1] - v * scale

        for u in (-0.52, 0.52):
            self.paint("bicyclist", circle(place, u, 0.34, 0.34, 0.34), DARK, 60)
            rim = circle(place, u, 0.34, 0.32, 0.32, 18)
            for start, end in zip(rim, rim[1:] + rim[:1], strict=True):
                self.stroke("bicyclist", start, end, 0.045 * scale, DARK)
        lines = ((-0.52, 0.34, -0.15, 0.85), (-0.52, 0.34, 0, 0.3), (0, 0.3, -0.15, 0.9),
                 (0, 0.3, 0.4, 0.8), (-0.15, 0.8, 0.4, 0.85), (0.52, 0.34, 0.4, 1.0))  # fmt: skip
        self.limbs("bicyclist", place, scale, [(*line, 0.05) for line in lines], frame)
        knee = self.some(0.55, 0.85)
        legs = (
            (-0.15, 0.95, 0.25, knee, 0.16),
            (0.25, knee, 0.05, 0.2, 0.12),
            (-0.15, 0.95, 0.1, 0.3, 0.13),
        )
        self.limbs("bicyclist", place, scale, legs, self.pick(CLOTHES[:3]))
        wide = 0.2 * (1 - abs(turn)) / abs(turn)  # the shoulders, as one sees them from behind
        body = [(-0.3 - wide, 0.9), (-0.1 - wide, 1.4), (0.2 + wide, 1.45), (0.1 + wide, 0.95)]
        self.paint("bicyclist", [place(*corner) for corner in body], coat)
        self.limbs("bicyclist", place, scale, [(0.1, 1.38, 0.42, 1.0, 0.1)], coat * 0.8)
        self.head("bicyclist", lambda u, v: (place(0.2, 0)[0] + u * scale, place(0, v)[1]), 0, 1.6)

    def car(self, x: float, z: float, turn: float, size: int):
        """A car, a van or a bus; at a turn of 0 it drives away from the camera."""
        profile, metres = VEHICLES[size]
        length, width, height = np.array(metres) * self.rng.normal(1, 0.05, 3)
        ahead = np.array((np.sin(turn), np.cos(turn)))
        right, middle = np.array((ahead[1], -ahead[0])), np.array((x, z + 1))
        colour, glass = self.pick(PAINTS), self.pick([(36, 40, 46), (70, 80, 90), (120, 132, 142)])

        def at(along, across, up):
            inward = 1 - 0.25 * max(up - 0.6, 0) if size < 3 else 1
            spot = middle + ahead * (along - 0.5) * length + right * across * inward * width / 2
            return spot[0], up * height, spot[1]

        corners = [
            self.at(*at(*corner, 0))
            for corner in ((-0.02, -1.05), (-0.02, 1.05), (1.02, 1.05), (1.02, -1.05))
        ]
        self.paint(None, corners, (12, 12, 15), 200)  # its shadow
        parts = []
        for (a, low, clear), (b, high, _) in pairwise(profile):
            quad = [at(a, -1, low), at(a, 1, low), at(b, 1, high), at(b, -1, high)]
            inner = [at(a, -0.85, low), at(a, 0.85, low), at(b, 0.85, high), at(b, -0.85, high)]
            flat = abs(b - a) * length > abs(high - low) * height
            parts.append((np.mean([corner[2] for corner in quad]), quad, inner, clear, flat))
        for _, quad, inner, clear, flat in sorted(parts, key=lambda part: -part[0]):
            tone = colour * (self.some(1.1, 1.4) if flat else self.some(0.7, 0.95))
            self.paint("car", [self.at(*corner) for corner in quad], tone)
            if clear:
                tone = glass * self.some(0.8, 1.3)
                self.paint("car", [self.at(*corner) for corner in inner], tone)
        end, lamp = (0, (170, 24, 24)) if middle @ ahead > 0 else (1, (225, 225, 215))

        def back(u, v):
            return self.at(*at(end, u, v))

        for u in (-0.95, 0.55):
            self.panel("car", back, (u, 0, u + 0.3, 0.2), (18, 18, 20))  # the tyres
            self.panel("car", back, (u, 0.4, u + 0.4, 0.5), lamp)
        self.panel("car", back, (-1, 0.18, 1, 0.28), colour * 0.5)
        self.panel("car", back, (-0.3, 0.3, 0.3, 0.37), self.pick([(220, 190, 60), WHITE]))
        hand = -1 if (middle - right * width / 2) @ right > 0 else 1
        if (middle + hand * right * width / 2) @ right * hand > 0:
            return  # only the end is seen

        def place(u, v):
            return self.at(*at(u, hand, v))

        self.paint("car", [place(a, v) for a, v, _ in profile], colour * self.some(0.75, 1.1))
        upper = [(a, max(v, 0.62)) for a, v, _ in profile if v > 0.55 and 0.01 <= a < 0.9]
        if size >= 2:  # the windows of a van or a bus
            upper = [(0, 0.5), (0, 0.98), (0.75, 0.98), (0.9, 0.5)]
        centre = np.mean(upper, axis=0)
        self.paint("car", [place(*(centre + (np.array(p) - centre) * 0.86)) for p in upper], glass)
        for a in np.linspace(0.4, 0.6, 1 if size < 2 else 3) + self.some(-0.05, 0.05):
            self.panel("car", place, (a, 0.3, a + 0.02, 0.97), colour * 0.75)
        self.panel("car", place, (0.03, 0.18, 0.97, 0.25), colour * 0.4)
        for a in (0.19, 0.81):
            for radius, tint in ((0.36, 20), (0.31, 34), (0.19, 130)):
                disc = circle(place, a, 0.31 / height, radius / length, radius / height)
                self.paint("car", disc, (tint, tint, tint + 2))

    # The end

    def ground(self) -> np.ndarray:
        """Noise that lies on the plane of the road."""
        tile = self.noise(20, 90, 360, 720)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        z = self.focal * self.eye / np.maximum(rows - self.horizon, 1)
        x = (columns - self.middle) * z / self.focal - self.bend * z * z
        down = np.abs((z * 40).astype(int) % (2 * HEIGHT - 1) - HEIGHT + 1)  # back and forth
        across = np.abs((x * 40).astype(int) % (2 * WIDTH - 1) - WIDTH + 1)
        return tile[down, across] * np.clip(12 / z, 0.2, 1)

    def finish(self):
        """The bonnet, then textures, light, blur and noise."""
        if self.chance(0.5):
            top = HEIGHT - self.some(5, 60)
            bow = self.some(10, 40)
            edge = [(x, top + (x / 480 - 1) ** 2 * bow) for x in range(0, WIDTH + 1, 96)]
            self.paint("void", [(0, HEIGHT), *edge, (WIDTH, HEIGHT)], self.pick(PAINTS))
        label = np.asarray(self.label)
        strength = np.zeros((256, 4), np.float32)
        for name, values in GRAINS.items():
            strength[IDS[name]] = values
        fields = self.ground(), self.noise(720, 360), self.noise(60, 120, 240), self.noise(5, 12)
        grain = sum(strength[label, i] * field for i, field in enumerate(fields))
        light = 1 + self.some(-0.35, 0.35) * np.linspace(-1, 1, WIDTH, dtype=np.float32)
        light = np.where(label == IDS["sky"], 1, self.dim * light)
        warm = np.array((1, 1, 1), np.float32) + self.rng.normal(0, 0.03, 3).astype(np.float32)
        pixels = np.asarray(self.image) * (light * np.clip(1 + grain, 0.2, 2))[..., None] * warm
        blurred = Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
        blurred = blurred.filter(ImageFilter.GaussianBlur(self.some(0.4, 1.2)))
        noise = self.rng.standard_normal((HEIGHT, WIDTH, 3), np.float32) * self.some(1, 6)
        self.image = Image.fromarray(np.clip(np.asarray(blurred) + noise, 0, 255).astype("uint8"))


def draw(folder: Path, seed: int, number: int) -> None:
    """Write one scene."""
    scene = Scene(seed, number)
    scene.image.save(folder / "images" / f"{number:05}.webp", quality=90, method=0)
    scene.label.save(folder / "labels" / f"{number:05}.png", compress_level=3)


def main() -> None:
    """Draw the scenes and write the lists."""
    parser = argparse.ArgumentParser(description="Drawn street scenes in CamVid's layout.")
    parser.add_argument("folder", type=Path, help="made if it is not there; must be empty")
    parser.add_argument("--frames", type=int, default=400, help="for training")
    parser.add_argument("--validation", type=int, default=8, help="further ones for validation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes; as many as cores if left out")
    arguments = parser.parse_args()
    folder, frames = arguments.folder, arguments.frames
    total = frames + arguments.validation
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        sys.exit(f"{folder}: expected a new or an empty folder")
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    with ProcessPoolExecutor(arguments.workers) as pool:
        drawn = pool.map(partial(draw, folder, arguments.seed), range(total))
        for _ in track(drawn, "scenes", total, console=Console(stderr=True), transient=True):
            pass
    for split, numbers in (("train", range(frames)), ("val", range(frames, total))):
        (folder / f"{split}.txt").write_text("".join(f"{number:05}\n" for number in numbers))


if __name__ == "__main__":
    main()
