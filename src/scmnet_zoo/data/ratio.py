"""Resize frames with their aspect ratio kept.

A frame is scaled to fit into the size. If the rest of each side is at most one pixel or one
percent, the frame counts as having the size's aspect ratio and is resized to exactly this size.
Other frames are centred and padded: images with their edge pixels, labels with void. Without a
requested size, `segment` does not pad but uses `scmnet_zoo.predict.network_size`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scmnet_zoo.data.labels import VOID

Size = tuple[int, int]  # (height, width) in pixels

MOST_LEFT_OVER = 100  # a side may have a rest of 1 / MOST_LEFT_OVER of its pixels


class Box(NamedTuple):
    """Box of a frame within a padded frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> Size:
        return self.height, self.width

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Return the part of an array (height, width, ...) inside the box."""
        return array[self.top : self.top + self.height, self.left : self.left + self.width]


def place(frame: Size, size: Size) -> Box:
    """Return the box of a frame scaled to fit into a size; the whole size if their ratios agree."""
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
    """Whether a frame has the aspect ratio of a size, up to one pixel or one percent of a side."""
    return place(frame, size).size == tuple(size)


def fit_image(
    image: np.ndarray, size: Size, resize: Callable[[np.ndarray, Size], np.ndarray]
) -> np.ndarray:
    """Resize an image (height, width, 3), padded with its edge pixels if the ratios differ.

    Args:
        image: the image.
        size: (height, width) of the result.
        resize: function that resizes an image to a size without keeping the ratio.
    """
    box = place(_sides(image), size)
    return _padded(resize(image, box.size), box, size)


def fit_label(
    label: np.ndarray, frame: Size, size: Size, resize: Callable[[np.ndarray, Size], np.ndarray]
) -> np.ndarray:
    """Resize a label (height, width) as its image, padded with void.

    Args:
        label: the label, of any size.
        frame: (height, width) of its image.
        size: (height, width) of the result.
        resize: function that resizes a label to a size without keeping the ratio.
    """
    box = place(frame, size)
    return _padded(resize(label, box.size), box, size)


def size_of_ratio(frame: Size, size: Size) -> Size:
    """Return a size with a frame's ratio and about as many pixels as `size`; even sides from 32.

    Messages suggest it as the training size.
    """
    scale = (size[0] * size[1] / (frame[0] * frame[1])) ** 0.5
    height, width = (max(32, 2 * round(side * scale / 2)) for side in frame)
    return height, width


def other_ratios(frames: Sequence[Size | None], size: Size) -> list[list[int]]:
    """Group the frames that do not have the aspect ratio of a size by their ratio.

    Args:
        frames: size of each frame; None if unknown.
        size: (height, width).

    Returns:
        The frame numbers of each group in ascending order, the largest group first.
    """
    groups: dict[Size, list[int]] = {}
    for number, frame in enumerate(frames):
        if frame is not None and not has_ratio_of(frame, size):
            groups.setdefault(place(frame, size).size, []).append(number)
    return sorted(groups.values(), key=len, reverse=True)


def padding_in_words(frame: Size, size: Size) -> str:
    """Describe the padding of a frame with another aspect ratio in training, for messages."""
    box = place(frame, size)
    share = 1 - box.height * box.width / (size[0] * size[1])
    own = size_of_ratio(frame, size)
    return (
        f"to keep their aspect ratio they are padded with void to the training size of "
        f"{in_words(size)}, {share:.0%} of it; --size {in_words(own)} is of their ratio"
    )


def in_words(size: Size) -> str:
    """Format a size as `--size` takes it: `HEIGHTxWIDTH`."""
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
