"""How the values in a dataset's label files become training ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data.labels import VOID, LabelSpace

NAMED = 8  # how many unknown values an error names


@dataclass(frozen=True)
class IndexMasks:
    """Label files of 8-bit indices, grey or with a palette.

    Attributes:
        ids: from an index in a file to a training id, 255 for void; other indices are errors.
        title: what the indices are, for errors, e.g. `"labelIds of cityscapes"`.
        others: the indices of another kind of file that is often taken for this one.
        advice: what an error adds where a file holds nothing but `others`.
        assumed: the indices that are void though the table of classes does not say so.
    """

    ids: Mapping[int, int]
    title: str
    others: frozenset[int] = frozenset()
    advice: str = ""
    assumed: frozenset[int] = frozenset()

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Training ids, uint8 (height, width).

        Raises:
            ValueError: not 8-bit indices, or an index that stands for nothing.
        """
        if mask.mode not in ("L", "P"):
            raise ValueError(
                f"{path}: expected a label of 8-bit indices. Received: image mode {mask.mode}"
            )
        present = np.flatnonzero(mask.histogram()).tolist()
        unknown = [value for value in present if value not in self.ids]
        if unknown:
            advice = f"; {self.advice}" if self.others.issuperset(present) else ""
            raise ValueError(
                f"{path}: expected {self.title}, {_ranges(self.ids)}. "
                f"Received: {_some(unknown)}{advice}"
            )
        table = np.full(256, VOID, np.uint8)
        table[list(self.ids)] = list(self.ids.values())
        return table[np.asarray(mask)]


@dataclass(frozen=True)
class ColourMasks:
    """Label files of colours.

    Attributes:
        ids: from a colour (RGB 0..255) to a training id, 255 for void; other colours are errors.
        title: what the colours are, for errors.
    """

    ids: Mapping[tuple[int, int, int], int]
    title: str

    def decode(self, mask: Image.Image, path: Path) -> np.ndarray:
        """Training ids, uint8 (height, width).

        Raises:
            ValueError: neither colours nor 8-bit grey, or a colour that stands for nothing.
        """
        if mask.mode not in ("RGB", "RGBA", "L", "P"):
            raise ValueError(
                f"{path}: expected a label of 8-bit colours. Received: image mode {mask.mode}"
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
            raise ValueError(f"{path}: expected {self.title}. Received: {_some(colours)}")
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
            ValueError: neither colours nor 8-bit indices, or one that stands for nothing.
        """
        if mask.mode in ("RGB", "RGBA"):
            return self.colours.decode(mask, path)
        return self.indices.decode(mask, path)


Masks = IndexMasks | ColourMasks | MixedMasks


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


def _some(values: list) -> str:
    """The first of many values."""
    text = ", ".join(str(value) for value in values[:NAMED])
    return f"{text} and {len(values) - NAMED} more" if len(values) > NAMED else text
