"""What images are refused: in making an exported file, and in running it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from scmnet_zoo.deploy.description import takes_bytes
from scmnet_zoo.deploy.formats import OpenSize
from scmnet_zoo.deploy.sizes import fitted
from scmnet_zoo.images import read_image
from scmnet_zoo.layers.image_input import MINIMUM_SIDE

AXES = ("batch", "height", "width")  # those that may vary


class Photographs(Sequence[np.ndarray]):
    """Images of files, each read anew when it is asked for, so that none is kept.

    Args:
        paths: of the files; what is asked for is uint8 RGB, `(height, width, 3)`.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Photographs(self.paths[place])
        return read_image(self.paths[place])


def check_images(
    name: str, images: Sequence[np.ndarray], model: keras.Model, size: OpenSize
) -> None:
    """That images are what a network takes: bytes, else floats that are not changed any more.

    Args:
        name: of the argument.
        images: what it was given.
        model: the network.
        size: (height, width) of the images that the file takes; bytes are brought to it.

    Raises:
        ValueError: another type or shape.
    """
    kind, sides, least = "float32", size, MINIMUM_SIDE
    if takes_bytes(model):
        kind, sides, least = "uint8", (None, None), 1
    shape = (*sides, model.inputs[0].shape[-1])
    for image in images:
        if not _fits(image, kind, shape, least):
            raise ValueError(
                f"Expected {name} of {kind} arrays of shape {_text(shape)}"
                f"{', RGB' if kind == 'uint8' else ', normalised as for the network'}. "
                f"Received: {_received(image)}"
            )


def fitted_images(
    name: str, images: Sequence[np.ndarray], model: keras.Model, size: OpenSize, file_size: OpenSize
) -> Iterator[np.ndarray]:
    """Each image brought to the size of the file, as a batch of one; as `check_images` refuses."""
    for image in images:
        check_images(name, [image], model, size)
        yield fitted(image, file_size)


def checker(metadata: dict[str, str], batches: bool) -> Callable[[Any], None]:
    """What refuses a batch that an exported file does not take, by a ValueError.

    Args:
        metadata: the file's.
        batches: whether its format takes several images at once, where their size varies.
    """
    taken = json.loads(metadata.get("input", "{}"))
    kind, sides = taken.get("type"), tuple(taken.get("image_size") or (None, None))
    batch = None if batches and None in sides else 1
    shape = (batch, *sides, taken.get("channels", 3))
    least = f", sides of {MINIMUM_SIDE} or more" if None in sides else ""

    def check(images: Any) -> None:
        if not _fits(images, kind, shape, MINIMUM_SIDE):
            raise ValueError(
                f"Expected {kind or 'an array'} of shape {_text(shape)}{least}. "
                f"Received: {_received(images)}"
            )

    return check


def _fits(images: Any, kind: str | None, shape: tuple[int | None, ...], least: int) -> bool:
    """Whether it is an array of that type and shape, and sides that vary are large enough."""
    if not isinstance(images, np.ndarray) or images.ndim != len(shape):
        return False
    if kind not in (None, str(images.dtype)) or not images.size:
        return False
    pairs = zip(images.shape[-3:], shape[-3:], strict=True)
    sides = all(side == wanted if wanted else side >= least for side, wanted in pairs)
    return sides and (len(shape) == 3 or shape[0] in (None, images.shape[0]))


def _text(shape: tuple[int | None, ...]) -> str:
    names = (*AXES[-len(shape) + 1 :], "")
    return f"({', '.join(str(side or name) for side, name in zip(shape, names, strict=True))})"


def _received(images: Any) -> str:
    return f"{getattr(images, 'dtype', type(images).__name__)} {np.shape(images)}"
