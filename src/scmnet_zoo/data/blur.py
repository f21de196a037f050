"""Detect labels that were resized with interpolation, which creates wrong ids at borders."""

from pathlib import Path

import numpy as np

from scmnet_zoo.data.masks import ColourMasks, Masks, MixedMasks
from scmnet_zoo.data.report import Problem

# A border between two classes is soft if it has pixels with values between theirs. In hand-drawn
# labels the share of soft borders is low (below 0.08 in each of CamVid's 701). After bilinear
# resizing most borders are soft.
SOFT_SHARE = 0.25  # smallest share of soft borders in a blurred label
LEAST_BORDERS = 20  # smallest number of borders that is judged
WIDEST_BORDER = 4  # largest width of a border in pixels
LINES = 200  # largest number of rows, and of columns, that are searched for borders
MANY_COLOURS = 32  # number of unknown colours from which a label counts as blurred


def blurred(values: np.ndarray, masks: Masks, faulty: bool, path: Path) -> Problem | None:
    """Return a problem if a label was resized bilinearly or saved as JPEG, else None."""
    colours = masks.colours if isinstance(masks, MixedMasks) else masks
    if values.ndim == 3 and not isinstance(colours, ColourMasks):  # no label of this dataset
        return None
    soft, total = soft_borders(values)
    if total >= LEAST_BORDERS and soft >= SOFT_SHARE * total:
        message = (
            f"{path}: blurred, as by a bilinear resize ({soft / total:.0%} of its borders pass "
            "through values in between). Expected nearest neighbour"
        )
        return Problem("blurred", path, message)
    if faulty and values.ndim == 3 and isinstance(colours, ColourMasks):
        codes = np.unique(values.reshape(-1, 3).astype(np.int32) @ (1 << 16, 1 << 8, 1))
        known = {(red << 16) + (green << 8) + blue for red, green, blue in colours.ids}
        unknown = len(set(codes.tolist()) - known)
        if unknown >= MANY_COLOURS:
            message = (
                f"{path}: {unknown} colours of no class, as after a smooth resize or from a JPEG. "
                "Expected nearest neighbour and PNG"
            )
            return Problem("blurred", path, message)
    return None


def soft_borders(values: np.ndarray) -> tuple[int, int]:
    """Count the soft borders of a label, and all its borders.

    A border lies in a row or column between two pairs of equal pixels. It counts if the two pairs
    differ by at least 2, so that values between them exist, and if it is at most `WIDEST_BORDER`
    pixels wide. It is soft if its pixels rise or fall from one pair to the other. Large labels are
    sampled: at most about `LINES` rows and columns are searched.

    Args:
        values: values of the label file, uint8 (height, width) or (height, width, channels).
    """
    values = values.reshape(*values.shape[:2], -1)
    soft = total = 0
    for lines in (values, values.swapaxes(0, 1)):
        lines = lines[:: max(1, len(lines) // LINES)].astype(np.int16)
        same = (lines[:, 1:] == lines[:, :-1]).all(-1)
        all_rows, all_ends = np.nonzero(same[:, :-1] & ~same[:, 1:])  # of pairs of equal pixels
        all_ends += 1
        for width in range(WIDEST_BORDER + 1):
            within = all_ends + width + 2 < lines.shape[1]
            rows, ends = all_rows[within], all_ends[within]
            left, right = lines[rows, ends], lines[rows, ends + width + 1]
            low, high = np.minimum(left, right), np.maximum(left, right)
            found = (lines[rows, ends + width + 2] == right).all(-1) & (high - low >= 2).any(-1)
            before, rising = left, right >= left
            for offset in range(1, width + 1):
                between = lines[rows, ends + offset]
                found &= ((low <= between) & (between <= high)).all(-1)
                found &= (between != left).any(-1) & (between != right).any(-1)
                found &= np.where(rising, between >= before, between <= before).all(-1)
                before = between
            total += int(found.sum())
            soft += int(found.sum()) if width else 0
    return soft, total
