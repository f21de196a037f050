"""Sizes of images: those asked for, and what becomes of sides that vary."""

from typing import Any

import keras
import numpy as np

from scmnet_zoo.data.ratio import fit_image
from scmnet_zoo.deploy.formats import OpenSize, Size
from scmnet_zoo.evaluation.protocol import resize_image
from scmnet_zoo.layers.image_input import MINIMUM_SIDE


def is_size(size: Any, varies: bool = False) -> bool:
    """Whether it is (height, width) of sides large enough, where it `varies` also None."""
    if not isinstance(size, list | tuple) or len(size) != 2:
        return False
    return all(
        (varies and side is None) or (type(side) is int and side >= MINIMUM_SIDE) for side in size
    )


def check_sizes(size: Any, original_size: Any) -> None:
    """That these are sizes.

    Raises:
        ValueError: one of them is none, or has a side that is too small.
    """
    if size is not None and not is_size(size):
        raise ValueError(
            f"Expected size to be (height, width), each {MINIMUM_SIDE} or more. "
            f"Received: size={size!r}"
        )
    if original_size is not None and not is_size(original_size, varies=True):
        raise ValueError(
            f"Expected original_size to be (height, width), each {MINIMUM_SIDE} or more, or None "
            f"where it varies. Received: original_size={original_size!r}"
        )


def network_size(model: keras.Model, size: Size | None) -> Size | None:
    """The size a network is to see: that asked for, else the one it was made for, if any.

    Raises:
        ValueError: it was made for another, or is no network of images.
    """
    shapes = [image.shape for image in getattr(model, "inputs", None) or ()]
    if [len(shape) for shape in shapes] != [4]:
        raise ValueError(
            "Expected a network of the zoo, a functional model from images. "
            f"Received: {getattr(model, 'name', model)!r} of type {type(model).__name__}"
        )
    made = shapes[0][1:3]
    if size is None and (None not in made or made == (None, None)):
        return known(made)
    if size is None or filled(made, size) != tuple(size):
        raise ValueError(
            f"Expected the size that the network was made for, {made}. Received: size={size}"
        )
    return size


def known(size: OpenSize) -> Size | None:
    """The size, if no side of it varies."""
    height, width = size
    return None if height is None or width is None else (height, width)


def filled(size: OpenSize, other: Size) -> Size:
    """The size with the sides of another where it varies."""
    height, width = (side or instead for side, instead in zip(size, other, strict=True))
    return height, width


def fitted(image: np.ndarray, size: OpenSize) -> np.ndarray:
    """An image brought to a size, or to its own where that varies, as a batch of one.

    An image of another aspect ratio is padded; see `scmnet_zoo.data.ratio`.
    """
    return fit_image(image, filled(size, image.shape[:2]), resize_image)[None]
