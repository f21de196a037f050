"""Synthetic street scenes as seen from a car, with their labels, in CamVid's layout.

A network is trained on them before it sees CamVid. A street is a plan in metres. What stands on it
is drawn from far to near, in the image and in the label by the same polygons. As in CamVid's
labels, the gaps of railings, bare trees and wheels belong to the thing; a transparent polygon is
drawn over them.

`python -m lab.camvid.scenes FOLDER` writes the scenes that the shipped weights learned from first;
`scmnet_zoo.data.camvid` reads the folder.
"""

from lab.camvid.scenes.canvas import IDS, Canvas
from lab.camvid.scenes.scene import draw_scene

__all__ = ["IDS", "Canvas", "draw_scene"]
