"""What a network may see of a frame, and at what size its answer is compared."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Protocol:
    """What a network may see of a frame, and at what size its answer is compared.

    Attributes:
        name: what it goes by.
        size: (height, width) of the comparison and of the most the network sees, in pixels; None
            for the label's own size, and all of the image.
        full_size_only: leave out frames whose image is smaller than `size`.
        title: what it measures, in a line.
    """

    name: str
    size: tuple[int, int] | None
    full_size_only: bool
    title: str


CAMVID_A = Protocol("A", (360, 480), False, "all frames, seen and compared at 480x360")
CAMVID_B = Protocol("B", (720, 960), True, "frames of 960x720, seen and compared at 960x720")
FULL = Protocol("full", None, False, "all frames, compared at the label's own size")

# By dataset, the usual one first.
PROTOCOLS = {
    "camvid": {"A": CAMVID_A, "B": CAMVID_B},
    "cityscapes": {"full": FULL},
    "bdd100k": {"full": FULL},
    "folder": {"full": FULL},
}


def protocol_of(dataset: str, name: str | None = None) -> Protocol:
    """A protocol of a dataset, by default the first.

    Raises:
        ValueError: there is none of that name; the message lists what there is.
    """
    protocols = PROTOCOLS[dataset]
    name = next(iter(protocols)) if name is None else name
    if name not in protocols:
        raise ValueError(
            f"Expected protocol to be one of {', '.join(protocols)} for {dataset}. "
            f"Received: {name!r}"
        )
    return protocols[name]


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a uint8 image to (height, width): by averaging down, bilinearly up."""
    if image.shape[:2] == tuple(size):
        return image
    smaller = size[0] < image.shape[0]
    kind = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), kind))


def reduce_label(label: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """A label at the protocol's size: every second pixel of one twice as large.

    Raises:
        ValueError: the label has neither the size nor twice the size.
    """
    if size is None or label.shape == tuple(size):
        return label
    if label.shape == (2 * size[0], 2 * size[1]):
        return label[1::2, 0::2]  # CamVid's 480x360 labels are these pixels of its 960x720 ones
    raise ValueError(
        f"Expected a label of {size} or twice that, (height, width). Received: {label.shape}"
    )
