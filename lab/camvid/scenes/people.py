"""People on foot and on bicycles."""

from lab.camvid.scenes.canvas import Canvas, Place, circle
from lab.camvid.scenes.palette import CLOTHES, DARK, LEAVES, PAINTS, STRONG


def person(scene: Canvas, x: float, z: float):
    """Somebody on foot."""
    size, stride, scale = scene.some(0.78, 1.08), scene.some(-0.3, 0.3), scene.focal / z
    coat, legs, foot = scene.pick(CLOTHES), scene.pick(CLOTHES[:3]), scene.at(x, 0.05, z)

    def place(u, v):
        return foot[0] + u * size * scale, foot[1] - v * size * scale

    limbs(scene, "pedestrian", place, scale, [(-0.08, 0.85, stride, 0, 0.15)], legs)
    limbs(scene, "pedestrian", place, scale, [(0.08, 0.85, -stride, 0, 0.15)], legs * 0.9)
    body = [(-0.2, 0.75), (-0.24, 1.4), (-0.08, 1.52), (0.08, 1.52), (0.24, 1.4), (0.2, 0.75)]
    scene.paint("pedestrian", [place(*corner) for corner in body], coat)
    for u in (-1, 1):
        arm = (0.24 * u, 1.4, u * (0.28 + stride / 3), 0.8, 0.1)
        limbs(scene, "pedestrian", place, scale, [arm], coat * 0.85)
    if scene.chance(0.3):
        scene.panel("pedestrian", place, (0.2, 0.5, 0.45, 0.85), scene.pick(STRONG) * 0.7)
    head(scene, "pedestrian", place, 0, 1.64)


def bicycle(scene: Canvas, x: float, z: float):
    """Somebody on a bicycle, from the side or nearly from behind."""
    turn, scale = scene.rng.choice((-1, 1)) * scene.some(0.12, 1), scene.focal / z
    coat, frame, foot = scene.pick(CLOTHES + STRONG), scene.pick(PAINTS), scene.at(x, 0, z)

    def place(u, v):
        return foot[0] + u * turn * scale, foot[1] - v * scale

    for u in (-0.52, 0.52):
        scene.paint("bicyclist", circle(place, u, 0.34, 0.34, 0.34), DARK, 60)
        rim = circle(place, u, 0.34, 0.32, 0.32, 18)
        for start, end in zip(rim, rim[1:] + rim[:1], strict=True):
            scene.stroke("bicyclist", start, end, 0.045 * scale, DARK)
    lines = ((-0.52, 0.34, -0.15, 0.85), (-0.52, 0.34, 0, 0.3), (0, 0.3, -0.15, 0.9),
             (0, 0.3, 0.4, 0.8), (-0.15, 0.8, 0.4, 0.85), (0.52, 0.34, 0.4, 1.0))  # fmt: skip
    limbs(scene, "bicyclist", place, scale, [(*line, 0.05) for line in lines], frame)
    knee = scene.some(0.55, 0.85)
    legs = (
        (-0.15, 0.95, 0.25, knee, 0.16),
        (0.25, knee, 0.05, 0.2, 0.12),
        (-0.15, 0.95, 0.1, 0.3, 0.13),
    )
    limbs(scene, "bicyclist", place, scale, legs, scene.pick(CLOTHES[:3]))
    wide = 0.2 * (1 - abs(turn)) / abs(turn)  # the shoulders, as one sees them from behind
    body = [(-0.3 - wide, 0.9), (-0.1 - wide, 1.4), (0.2 + wide, 1.45), (0.1 + wide, 0.95)]
    scene.paint("bicyclist", [place(*corner) for corner in body], coat)
    limbs(scene, "bicyclist", place, scale, [(0.1, 1.38, 0.42, 1.0, 0.1)], coat * 0.8)
    head(scene, "bicyclist", lambda u, v: (place(0.2, 0)[0] + u * scale, place(0, v)[1]), 0, 1.6)


def limbs(scene: Canvas, kind: str, place: Place, scale: float, lines, colour):
    """Lines of a body or a frame: from u, v to u, v with a width in metres."""
    for u, v, right, top, thick in lines:
        tone = colour * scene.some(0.85, 1.15)
        scene.stroke(kind, place(u, v), place(right, top), thick * scale, tone)


def head(scene: Canvas, kind: str, place: Place, u: float, v: float):
    """A face and the hair, a hat or a helmet above it."""
    skin = scene.pick([(200, 150, 125), (120, 84, 66)])
    scene.paint(kind, circle(place, u, v, 0.1, 0.13), skin)
    scene.paint(kind, circle(place, u, v + 0.05, 0.11, 0.1), scene.pick(CLOTHES + LEAVES))
