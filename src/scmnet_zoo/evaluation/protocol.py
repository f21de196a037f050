"""Evaluation protocols: input and comparison size, per dataset."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from scmnet_zoo.catalogue.datasets import CAMVID_A, CAMVID_B, DATASET_CARDS, FULL, Protocol

# The protocols of each dataset by their names, the usual one first.
PROTOCOLS: Mapping[str, dict[str, Protocol]] = DATASET_CARDS.table(
    lambda card: {protocol.name: protocol for protocol in card.protocols}
)


def protocol_of(dataset: str, name: str | None = None) -> Protocol:
    """A protocol of a dataset, by default the first.

    Raises:
        ValueError: there is no such dataset or no protocol of that name; the message lists what
            there is.
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
    """Resize a uint8 image to (height, width): by averaging down, bilinearly up."""
    if image.shape[:2] == tuple(size):
        return image
    smaller = size[0] < image.shape[0]
    kind = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), kind))


def reduce_label(label: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """The label at the protocol's size; a label twice as large is subsampled by 2.

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


__all__ = [
    "CAMVID_A",
    "CAMVID_B",
    "FULL",
    "PROTOCOLS",
    "Protocol",
    "protocol_of",
    "reduce_label",
    "resize_image",
]
