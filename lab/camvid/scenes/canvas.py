"""The camera, the random numbers and the tools that draw in the image and the label at once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from scmnet_zoo.data import CAMVID, VOID

WIDTH, HEIGHT = 960, 720
FAR = 150.0  # metres
IDS = {name: number for number, name in enumerate(CAMVID.classes)} | {"void": VOID}

Point = tuple[float, float]
Place = Callable[[float, float], Point]  # from a plane in metres to the image
Colour = Sequence[float] | np.ndarray


def circle(place: Place, u: float, v: float, across: float, up: float, count: int = 14):
    """The corners of an ellipse."""
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [place(u + across * np.cos(turn), v + up * np.sin(turn)) for turn in turns]


class Canvas:
    """An image and its label, of which one camera sees a street in metres.

    x is to the right of the camera, y up from the road, z ahead.

    Attributes:
        rng: where all random numbers of the scene come from.
        some: a number between two, uniformly.
        chance: true with a probability.
        horizon, middle: row and column of the point at which the street ends, in pixels.
        focal: the camera's focal length in pixels.
        eye: height of the camera over the road in metres.
        bend: curvature of the street.
        dim: brightness of the scene.
        image, label: what is drawn.
        things: distance and function of each thing that is still to be drawn.
    """

    def __init__(self, seed: int, number: int):
        self.rng = np.random.default_rng([seed, number])
        self.some, self.chance = self.rng.uniform, lambda p: self.rng.random() < p
        self.horizon, self.middle = self.some(300, 400), self.some(280, 680)
        self.focal, self.eye = self.some(800, 1100), self.some(1.2, 1.6)
        self.bend = self.rng.normal(0, 0.0009)
        self.dim = self.some(0.25, 0.5) if self.chance(0.25) else self.some(0.7, 1.15)
        self.things: list[tuple[float, Callable[[], None]]] = []
        self.start(Image.new("RGB", (WIDTH, HEIGHT)))

    def start(self, image: Image.Image) -> None:
        """Take an image as the background, all of it sky in the label."""
        self.image = image
        self.label = Image.new("L", image.size, IDS["sky"])
        self.pens = ImageDraw.Draw(image), ImageDraw.Draw(image, "RGBA")
        self.label_pen = ImageDraw.Draw(self.label)

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

    def add(self, distance: float, draw: Callable[..., None], *arguments: Any) -> None:
        """Have `draw(canvas, *arguments)` called when it is the turn of this distance."""
        self.things.append((distance, partial(draw, self, *arguments)))

    def draw_things(self) -> None:
        """Draw what was added, from far to near."""
        for _, draw in sorted(self.things, key=lambda thing: -thing[0]):
            draw()
