"""Find identical and nearly identical images in a dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.data.frame_check import Frame
from scmnet_zoo.data.report import Problem

SIMILAR = 0.5  # largest mean difference, in grey levels, between thumbnails of similar images


def same_images(seen: Mapping[str, Sequence[Frame]]) -> list[Problem]:
    """Return problems for images with identical pixels, in two splits or in one."""
    first: dict[bytes, tuple[str, Path]] = {}
    problems = []
    for split, frames in seen.items():
        for frame in frames:
            if frame.digest is None:
                continue
            file = frame.sample.image
            if frame.digest not in first:
                first[frame.digest] = split, file
                continue
            other_split, other = first[frame.digest]
            if other_split != split:
                message = f"{file}: the same image in {split} as {other} in {other_split}"
                kind = "leak" if len(frames) > 1 else "trial"
                problems.append(Problem(kind, file, message))
            else:
                message = f"{file}: the same image in {split} as {other}"
                problems.append(Problem("repeat", file, message))
    return problems


def similar_images(seen: Mapping[str, Sequence[Frame]]) -> list[Problem]:
    """Return problems for images nearly identical to an image of an earlier split."""
    problems = []
    earlier: list[tuple[str, Frame, np.ndarray]] = []
    for split, frames in seen.items():
        known = [(frame, frame.thumbnail) for frame in frames if frame.thumbnail is not None]
        squares = np.array([square for _, _, square in earlier], np.int16)
        for frame, square in known if earlier else []:
            distances = np.abs(squares - square).mean(-1)
            other_split, other, _ = earlier[int(distances.argmin())]
            if distances.min() < SIMILAR and other.digest != frame.digest:
                file = frame.sample.image
                message = (
                    f"{file}: nearly the same image in {split} as {other.sample.image} "
                    f"in {other_split}"
                )
                problems.append(Problem("similar", file, message))
        earlier += [(split, frame, square) for frame, square in known]
    return problems
