"""From images to masks: multiple scales, mirrored images, sliding windows.

Everything runs on the network's device and only masks are copied back; the probabilities of a
Cityscapes frame are 160 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from scmnet_zoo.data.labels import VOID
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.layers.image_input import MINIMUM_SIDE

Size = tuple[int, int]


@dataclass(frozen=True)
class Inference:
    """Test-time augmentation; the probabilities of all predictions are averaged.

    Attributes:
        scales: scales of the image relative to the network's input size.
        flip: also predict the mirrored image.
        window: (height, width) of sliding windows, in pixels of the network's input, at most the
            image's size; None for the whole image at once.
        overlap: minimum share of a window that the next one covers.

    Raises:
        ValueError: there are no scales or one is out of range, a side of the window is below 32, or
            the overlap is not in [0, 1).
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    window: Size | None = None
    overlap: float = 1 / 3

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < scale <= 16 for scale in self.scales):
            raise ValueError(f"Expected scales above 0, up to 16. Received: {self.scales}")
        if self.window is not None and min(self.window) < MINIMUM_SIDE:
            raise ValueError(
                f"Expected a window with sides of at least {MINIMUM_SIDE} pixels. "
                f"Received: {self.window}"
            )
        if not 0 <= self.overlap < 1:
            raise ValueError(
                f"Expected overlap from 0 up to, not including, 1. Received: {self.overlap}"
            )

    def input_sizes(self, size: Size) -> tuple[Size, ...]:
        """The sizes of the scaled images, from the network's input size."""
        return tuple((_scaled(size[0], scale), _scaled(size[1], scale)) for scale in self.scales)

    def title(self) -> str:
        """A description of the augmentation; empty if there is none."""
        parts = []
        if self.scales != (1.0,):
            parts.append("scales " + ", ".join(f"{scale:g}" for scale in self.scales))
        if self.flip:
            parts.append("flipped")
        if self.window is not None:
            parts.append(f"windows of {self.window[0]}x{self.window[1]}")
        return "; ".join(parts)


class Predictor(keras.Model):
    """A network with test-time augmentation and argmax, compiled together.

    The probabilities of each scale are resized to the mask (averaged over blocks for integer
    factors, otherwise bilinearly) and averaged before the argmax.

    Args:
        network: from images 0..255 to probabilities, or a dict with such under `"main"`.
        inference: the test-time augmentation.
        sizes: (height, width) of each mask.
        places: the value in the masks for each class of the network, 255 for void; None for the
            class's index.

    Input shape: a list of images (1, h, w, 3), one per scale, of static shape.

    Output shape: a list of masks (1, height, width), uint8, one per size.

    Raises:
        ValueError: there are more than 255 classes, or windows with a network whose output has not
            the size of its input.
    """

    def __init__(
        self,
        network: keras.Model,
        inference: Inference,
        sizes: tuple[Size, ...],
        places: tuple[int, ...] | None = None,
    ):
        super().__init__(name="predictor")
        self.network = network
        self.inference = inference
        self.sizes = sizes
        self.places = places

    def call(self, images: Sequence[Tensor]) -> list[Tensor]:
        scores = [self._asked(ops.cast(image, "float32")) for image in images]
        masks = []
        for size in self.sizes:
            resized = [resize_scores(score, size) for score in scores]
            masks.append(self._decided(sum(resized[1:], resized[0])))
        return masks

    def _asked(self, image):
        """Probabilities of an image, averaged with the mirrored image if `flip`."""
        scores = self._seen(image)
        if not self.inference.flip:
            return scores
        mirrored = ops.flip(self._seen(ops.flip(image, axis=2)), axis=2)
        return (scores + mirrored) / 2

    def _seen(self, image):
        """Probabilities of an image, whole or by windows."""
        if self.inference.window is None:
            return self._answer(image)
        height, width = image.shape[1:3]
        rows, columns = min(self.inference.window[0], height), min(self.inference.window[1], width)
        tops = positions(height, rows, self.inference.overlap)
        lefts = positions(width, columns, self.inference.overlap)
        parts = [
            image[:, top : top + rows, left : left + columns] for top in tops for left in lefts
        ]
        answers = self._answer(ops.concatenate(parts))
        if tuple(answers.shape[1:3]) != (rows, columns):
            raise ValueError(
                f"Expected a network that answers windows of {rows}x{columns} at their size. "
                f"Received: {tuple(answers.shape[1:3])}"
            )
        # Windows are summed by row first, so that fewer sums have the whole size.
        total = 0
        for row, top in enumerate(tops):
            band = 0
            for column, left in enumerate(lefts):
                place = row * len(lefts) + column
                beside = [[0, 0], [0, 0], [left, width - left - columns], [0, 0]]
                band = band + ops.pad(answers[place : place + 1], beside)
            above = [[0, 0], [top, height - top - rows], [0, 0], [0, 0]]
            total = total + ops.pad(band, above)
        counts = np.outer(cover(height, rows, tops), cover(width, columns, lefts))
        return total / ops.convert_to_tensor(counts[None, :, :, None].astype("float32"))

    def _answer(self, images):
        answer = self.network(images, training=False)
        answer = answer["main"] if isinstance(answer, dict) else answer
        return ops.cast(answer, "float32")

    def _decided(self, scores):
        classes = scores.shape[-1]
        if classes > VOID:
            raise ValueError(f"Expected at most {VOID} classes. Received: {classes}")
        best = ops.argmax(scores, axis=-1)
        if self.places is not None:
            best = ops.take(ops.convert_to_tensor(np.array(self.places, "int32")), best)
        return ops.cast(best, "uint8")


def resize_scores(scores: Tensor, size: Size) -> Tensor:
    """Resize (batch, h, w, classes): block averages for integer factors, otherwise bilinearly."""
    height, width, classes = scores.shape[1:]
    if (height, width) == tuple(size):
        return scores
    if height % size[0] == 0 and width % size[1] == 0:
        blocks = (-1, size[0], height // size[0], size[1], width // size[1], classes)
        return ops.mean(ops.reshape(scores, blocks), axis=(2, 4))
    return ops.image.resize(scores, size, interpolation="bilinear", data_format="channels_last")


def positions(side: int, window: int, overlap: float) -> list[int]:
    """Start positions of windows along a side; the last window ends at the end of the side."""
    step = max(1, round(window * (1 - overlap)))
    return [*range(0, side - window, step), side - window]


def cover(side: int, window: int, starts: list[int]) -> np.ndarray:
    """Number of windows that cover each pixel of a side."""
    counts = np.zeros(side, np.int64)
    for start in starts:
        counts[start : start + window] += 1
    return counts


def _scaled(side: int, scale: float) -> int:
    return max(MINIMUM_SIDE, round(side * scale)) if scale != 1 else side
