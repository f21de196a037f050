"""The rule of aspect ratios: a frame keeps its own, whatever size it is brought to.

A frame has the aspect ratio of a size where at most one pixel or one percent of a side would be
left over once the frame is fitted into the size; then it is brought to exactly that size. Every
other frame is fitted into the size, in the middle, and what is left over is padded: the image with
its edge, the label with void. Where no size is asked for, a network sees such a frame unpadded, at
`scmnet_zoo.predict.network_size`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scmnet_zoo.data.labels import VOID

Size = tuple[int, int]  # (height, width) in pixels

MOST_LEFT_OVER = 100  # a side of so many pixels may have one pixel left over


class Box(NamedTuple):
    """Where a frame lies in a larger one, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> Size:
        return self.height, self.width

    def cut(self, array: np.ndarray) -> np.ndarray:
        """The frame's part of an array (height, width, ...)."""
        return array[self.top : self.top + self.height, self.left : self.left + self.width]


def place(frame: Size, size: Size) -> Box:
    """Where a frame lies once it is fitted into a size: all of it, where it has its ratio."""
    scale = min(size[0] / frame[0], size[1] / frame[1])
    height, width = (
        min(side, max(1, round(own * scale))) for own, side in zip(frame, size, strict=True)
    )
    left_over = (size[0] - height, size[1] - width)
    if all(
        rest <= max(1, side // MOST_LEFT_OVER) for rest, side in zip(left_over, size, strict=True)
    ):
        return Box(0, 0, *size)
    return Box(left_over[0] // 2, left_over[1] // 2, height, width)


def has_ratio_of(frame: Size, size: Size) -> bool:
    """Whether a frame has the aspect ratio of a size, as the rule of this module has it."""
    return place(frame, size).size == tuple(size)


def fit_image(
    image: np.ndarray, size: Size, resize: Callable[[np.ndarray, Size], np.ndarray]
) -> np.ndarray:
    """Bring an image (height, width, 3) to a size, padded with its edge where the ratio differs.

    Args:
        image: the image.
        size: (height, width) of the result.
        resize: brings an image to a size, whatever its ratio.
    """
    box = place(_sides(image), size)
    return _padded(resize(image, box.size), box, size)


def fit_label(
    label: np.ndarray, frame: Size, size: Size, resize: Callable[[np.ndarray, Size], np.ndarray]
) -> np.ndarray:
    """Bring a label (height, width) to a size as its image, padded with void.

    Args:
        label: the label, of any size.
        frame: (height, width) of its image.
        size: (height, width) of the result.
        resize: brings a label to a size, whatever its ratio.
    """
    box = place(frame, size)
    return _padded(resize(label, box.size), box, size)


def size_of_ratio(frame: Size, size: Size) -> Size:
    """The size of about as many pixels as another, in a frame's ratio; of even sides, 32 or more.

    It is what messages advise to train at.
    """
    scale = (size[0] * size[1] / (frame[0] * frame[1])) ** 0.5
    height, width = (max(32, 2 * round(side * scale / 2)) for side in frame)
    return height, width


def other_ratios(frames: Sequence[Size | None], size: Size) -> list[list[int]]:
    """The numbers of the frames that are not of the ratio of a size, the largest group first.

    Args:
        frames: the size of each frame, None where it is not known.
        size: (height, width).

    Returns:
        For each ratio its frames, in their order.
    """
    groups: dict[Size, list[int]] = {}
    for number, frame in enumerate(frames):
        if frame is not None and not has_ratio_of(frame, size):
            groups.setdefault(place(frame, size).size, []).append(number)
    return sorted(groups.values(), key=len, reverse=True)


def padding_in_words(frame: Size, size: Size) -> str:
    """What becomes of a frame of another ratio in training, for messages."""
    box = place(frame, size)
    share = 1 - box.height * box.width / (size[0] * size[1])
    own = size_of_ratio(frame, size)
    return (
        f"to keep their aspect ratio they are padded with void to the training size of "
        f"{in_words(size)}, {share:.0%} of it; --size {in_words(own)} is of their ratio"
    )


def in_words(size: Size) -> str:
    """Height and width, as `--size` takes them."""
    return f"{size[0]}x{size[1]}"


def _padded(array: np.ndarray, box: Box, size: Size) -> np.ndarray:
    if box.size == tuple(size):
        return array
    before_after = (
        (box.top, size[0] - box.top - box.height),
        (box.left, size[1] - box.left - box.width),
    )
    if array.ndim == 2:
        return np.pad(array, before_after, constant_values=VOID)
    return np.pad(array, (*before_after, (0, 0)), mode="edge")


def _sides(array: np.ndarray) -> Size:
    return array.shape[0], array.shape[1]
