"""One synthetic scene: a photograph-like image of a street, and its label."""

from PIL import Image

from lab.camvid.scenes.canvas import Canvas
from lab.camvid.scenes.light import finish, sky
from lab.camvid.scenes.street import street


def draw_scene(seed: int, number: int) -> Canvas:
    """Draw a scene.

    Args:
        seed: of the series.
        number: of the scene in it.

    Returns:
        The canvas; `image` is RGB and `label` has CamVid's training ids, both 960 x 720.
    """
    canvas = Canvas(seed, number)
    canvas.start(Image.fromarray(sky(canvas)))
    street(canvas)
    canvas.draw_things()
    finish(canvas)
    return canvas
