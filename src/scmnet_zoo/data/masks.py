"""Decoders from label files to training ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data.labels import VOID, LabelSpace
from scmnet_zoo.data.predictions import predicted_ids
from scmnet_zoo.image_values import DEEP_GREY, in_words, largest_value, white_is_zero

NAMED = 8  # largest number of values in a message


@dataclass(frozen=True)
class IndexMasks:
    """Decoder of label files with indices up to 255, grey or with a palette.

    Attributes:
        ids: mapping from index in a file to training id, 255 for void. Other indices are errors.
        title: name of the indices in errors, e.g. `"labelIds of cityscapes"`.
        others: indices of another kind of file that is often confused with this one.
        advice: advice that an error adds if a file has indices in `others` only.
        assumed: indices that are void by default, not by the table of classes.
        classes: names of the classes, for masks that `segment` wrote, which state the names of
            their values. Empty to decode these masks like others.
    """

    ids: Mapping[int, int]
    title: str
    others: frozenset[int] = frozenset()
    advice: str = ""
    assumed: frozenset[int] = frozenset()
    classes: tuple[str, ...] = ()

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Return training ids, uint8 (height, width).

        Raises:
            ValueError: the mask has no indices, or an index that `ids` lacks.
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
    """Decoder of label files with colours.

    Attributes:
        ids: mapping from colour (RGB 0..255) to training id, 255 for void. Other colours are
            errors.
        title: name of the colours in errors.
        advice: advice that errors add.
    """

    ids: Mapping[tuple[int, int, int], int]
    title: str
    advice: str = ""

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Return training ids, uint8 (height, width).

        Raises:
            ValueError: more than 8 bits a channel, or a colour that `ids` lacks.
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
        # Position of the first known code that is not smaller, or of the last known code.
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
    """Decoder of label files that have indices (grey, palette) or colours (RGB).

    Attributes:
        indices: decoder of grey and palette files.
        colours: decoder of RGB files.
    """

    indices: IndexMasks
    colours: ColourMasks

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Return training ids, uint8 (height, width).

        Raises:
            ValueError: neither colours nor indices, or an unknown value.
        """
        if mask.mode in ("RGB", "RGBA"):
            return self.colours.decode(mask, path)
        return self.indices.decode(mask, path)


Masks = IndexMasks | ColourMasks | MixedMasks


def stored_indices(mask: Image.Image, path: Path) -> np.ndarray:
    """Return the indices that a label file stores, uint8 (height, width).

    Grey of 1, 2 and 4 bits keeps its stored values (Pillow scales them to 0..255). Grey of more
    than 8 bits is accepted if no value exceeds 255.

    Args:
        mask: image of `open_image`, which notes the number of bits in the file.
        path: path of the file, for errors.

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
    """Scale values from 0..`shown` back to 0..`stored`."""
    dtype = np.uint8 if stored <= 255 else np.uint16
    return ((values.astype(np.uint32) * stored + shown // 2) // shown).astype(dtype)


def training_ids(space: LabelSpace) -> IndexMasks:
    """Return the decoder of files with training ids of a label space, 255 for void."""
    ids = {number: number for number in range(len(space.labels))} | {VOID: VOID}
    return IndexMasks(ids, f"training ids of {space.name}")


def label_ids(space: LabelSpace) -> IndexMasks:
    """Return the decoder of files with original ids, such as Cityscapes' labelIds.png."""
    ids = {number: place for place, number in enumerate(space.ids)}
    ids |= dict.fromkeys(space.void_ids, VOID)
    return IndexMasks(ids, f"labelIds of {space.name}")


def _ranges(ids: Mapping[int, int]) -> str:
    """Format integers as ranges: `0..18, 255`."""
    parts: list[list[int]] = []
    for number in sorted(ids):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in parts)


def some(values: Sequence[object], most: int = NAMED) -> str:
    """Format the first values of a sequence, and the number of the others."""
    text = ", ".join(str(value) for value in values[:most])
    return f"{text} and {len(values) - most} more" if len(values) > most else text
