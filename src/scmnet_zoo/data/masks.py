"""How the values in a dataset's label files become training ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data.labels import VOID, LabelSpace
from scmnet_zoo.data.predictions import predicted_ids
from scmnet_zoo.image_values import DEEP_GREY, in_words, largest_value, white_is_zero

NAMED = 8  # how many of many values a message names


@dataclass(frozen=True)
class IndexMasks:
    """Label files of indices up to 255, grey or with a palette.

    Attributes:
        ids: from an index in a file to a training id, 255 for void; other indices are errors.
        title: what the indices are, for errors, e.g. `"labelIds of cityscapes"`.
        others: the indices of another kind of file that is often taken for this one.
        advice: what an error adds where a file holds nothing but `others`.
        assumed: the indices that are void though the table of classes does not say so.
        classes: names of the dataset's classes, by which masks that `segment` wrote are read;
            empty where these are read like others.
    """

    ids: Mapping[int, int]
    title: str
    others: frozenset[int] = frozenset()
    advice: str = ""
    assumed: frozenset[int] = frozenset()
    classes: tuple[str, ...] = ()

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Training ids, uint8 (height, width).

        Raises:
            ValueError: not indices, or an index that stands for nothing.
        """
        predicted = predicted_ids(mask, self.classes) if self.classes else None
        if predicted is not None:
            return predicted
        indices = stored_indices(mask, path)
        present = np.flatnonzero(np.bincount(indices.ravel())).tolist()
        unknown = [value for value in present if value not in self.ids]
        if unknown:
            advice = f"; {self.advice}" if self.others.issuperset(present) else ""
            raise ValueError(
                f"{path}: expected {self.title}, {_ranges(self.ids)}. "
                f"Received: {some(unknown)}{advice}"
            )
        table = np.full(256, VOID, np.uint8)
        table[list(self.ids)] = list(self.ids.values())
        return table[indices]


@dataclass(frozen=True)
class ColourMasks:
    """Label files of colours.

    Attributes:
        ids: from a colour (RGB 0..255) to a training id, 255 for void; other colours are errors.
        title: what the colours are, for errors.
        advice: what an error adds.
    """

    ids: Mapping[tuple[int, int, int], int]
    title: str
    advice: str = ""

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Training ids, uint8 (height, width).

        Raises:
            ValueError: neither colours nor grey of at most 8 bits a channel, or a colour that
                stands for nothing.
        """
        if mask.mode not in ("RGB", "RGBA", "L", "P", "1") or largest_value(mask) > 255:
            raise ValueError(
                f"{path}: expected a label of 8-bit colours. Received: {in_words(mask)}; "
                "save it again as PNG in RGB with 8 bits a channel"
            )
        pixels = np.asarray(mask.convert("RGB")).astype(np.int32)
        codes = (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]
        table = sorted(((r << 16) + (g << 8) + b, number) for (r, g, b), number in self.ids.items())
        known = np.array([code for code, _ in table], np.int32)
        # The place of the next known colour, the last where there is none.
        places = np.searchsorted(known[:-1], codes)
        wrong = known[places] != codes
        if wrong.any():
            unknown = np.unique(codes[wrong]).tolist()
            colours = [(code >> 16, code >> 8 & 255, code & 255) for code in unknown]
            advice = f"; {self.advice}" if self.advice else ""
            raise ValueError(f"{path}: expected {self.title}. Received: {some(colours)}{advice}")
        return np.array([number for _, number in table], np.uint8)[places]


@dataclass(frozen=True)
class MixedMasks:
    """Label files of which grey ones and those with a palette hold indices, the others colours.

    Attributes:
        indices: what the indices mean.
        colours: what the colours mean.
    """

    indices: IndexMasks
    colours: ColourMasks

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Training ids, uint8 (height, width).

        Raises:
            ValueError: neither colours nor indices, or one that stands for nothing.
        """
        if mask.mode in ("RGB", "RGBA"):
            return self.colours.decode(mask, path)
        return self.indices.decode(mask, path)


Masks = IndexMasks | ColourMasks | MixedMasks


def stored_indices(mask: Image.Image, path: Path) -> np.ndarray:
    """The indices that a label file stores, uint8 (height, width).

    Grey of 1, 2 and 4 bits is read as stored, not as it is shown, and grey of more than 8 bits if
    no value is above 255.

    Args:
        mask: of `open_image`, which says how many bits the file has.
        path: of the file, for errors.

    Raises:
        ValueError: colours, transparency, larger values, or a TIFF with white as zero.
    """
    largest = largest_value(mask)
    advice = "save it as PNG, with indices in grey of 8 bits"
    received = in_words(mask)
    if white_is_zero(mask) and mask.mode != "1":
        received += " with white as zero"
    elif mask.mode in ("1", "P"):
        return np.asarray(mask).astype(np.uint8)
    elif mask.mode == "L":
        values = np.asarray(mask)
        return values if largest == 255 else _unscaled(values, 255, largest)
    elif mask.mode in DEEP_GREY:
        values = np.asarray(mask)
        if mask.format == "PPM" and largest < 65535:
            values = _unscaled(values, 65535, largest)
        if values.min() >= 0 and values.max() <= 255:
            return values.astype(np.uint8)
        received += f", values from {values.min()} to {values.max()}"
    elif mask.mode == "LA" and mask.getchannel("A").getextrema() == (255, 255):
        return np.asarray(mask.getchannel("L"))
    elif mask.mode in ("RGB", "RGBA"):
        advice += ", or give the classes their colours (`colour` in classes.toml)"
    raise ValueError(f"{path}: expected a label of 8-bit indices. Received: {received}; {advice}")


def _unscaled(values: np.ndarray, shown: int, stored: int) -> np.ndarray:
    """Values from 0 to `stored` that were scaled up to `shown`."""
    dtype = np.uint8 if stored <= 255 else np.uint16
    return ((values.astype(np.uint32) * stored + shown // 2) // shown).astype(dtype)


def training_ids(space: LabelSpace) -> IndexMasks:
    """Files that hold the training ids of a label space, 255 for void."""
    ids = {number: number for number in range(len(space.labels))} | {VOID: VOID}
    return IndexMasks(ids, f"training ids of {space.name}")


def label_ids(space: LabelSpace) -> IndexMasks:
    """Files that hold a label space's own ids, as Cityscapes' labelIds.png."""
    ids = {number: place for place, number in enumerate(space.ids)}
    ids |= dict.fromkeys(space.void_ids, VOID)
    return IndexMasks(ids, f"labelIds of {space.name}")


def _ranges(ids: Mapping[int, int]) -> str:
    """Whole numbers as ranges: 0..18, 255."""
    parts: list[list[int]] = []
    for number in sorted(ids):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in parts)


def some(values: Sequence, most: int = NAMED) -> str:
    """The first of many values, and how many more there are."""
    text = ", ".join(str(value) for value in values[:most])
    return f"{text} and {len(values) - most} more" if len(values) > most else text
