"""Count the classes in a split's labels, and check that scores over them are meaningful.

`data check`, `data pack`, training and evaluation share these checks.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scmnet_zoo.data.dataset import Dataset, FileReader, JoinedReader, Sample
from scmnet_zoo.data.labels import VOID
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, Masks, MixedMasks, some
from scmnet_zoo.data.report import Problem

_log = logging.getLogger(__name__)

MOST_NAMED = 20  # largest number of classes in a message
ENOUGH = 500  # frames after which the search for rare classes stops


class Tally:
    """Number of pixels of each training id in the labels of a split.

    Args:
        dataset: the split.

    Attributes:
        counts: number of pixels, int64 (256,).
        frames: number of frames counted.
        void_file: first label file with void pixels; None if no label has any.
    """

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        self.counts: np.ndarray = np.zeros(VOID + 1, np.int64)
        self.frames: int = 0
        self.void_file: Path | None = None

    def add(self, sample: Sample, counts: np.ndarray) -> None:
        """Add the pixel counts of a frame, from `counts_of`."""
        self.counts += counts
        self.frames += 1
        if counts[VOID] and self.void_file is None:
            self.void_file = sample.label

    @property
    def classes(self) -> np.ndarray:
        """Number of pixels of each class, int64 (classes,)."""
        return self.counts[: len(self.dataset.space.labels)]

    def shares(self) -> np.ndarray:
        """Return the share of each class among the pixels that are not void, float64 (classes,)."""
        return self.classes / max(1, self.classes.sum())

    def void_share(self) -> float:
        """Return the share of void among all pixels."""
        return float(self.counts[VOID] / max(1, self.counts.sum()))

    def is_settled(self) -> bool:
        """Whether counting can stop: all classes occurred, or `ENOUGH` frames without doubt.

        All frames must be counted if an error may follow: fewer than two classes so far, or void
        pixels that may be a class.
        """
        occurring = np.count_nonzero(self.classes)
        if occurring == len(self.classes):
            return True
        in_doubt = bool(self.counts[VOID]) and _assumed(self.dataset)
        return bool(occurring > 1) and self.frames >= ENOUGH and not in_doubt


def counts_of(label: np.ndarray) -> np.ndarray:
    """Return the number of pixels of each id in a label, int64 (256,).

    Call it per frame: `bincount` converts each pixel to 8 bytes.
    """
    return np.bincount(label.ravel(), minlength=VOID + 1)


def findings(
    tallies: Sequence[Tally], learned: Sequence[str] = ("train",), left_out: Sequence[int] = ()
) -> Iterator[Problem]:
    """Yield the problems of the classes in splits of a dataset.

    Args:
        tallies: counts of the splits.
        learned: names of the training splits. Fewer than two classes are an error in these, a
            warning in others.
        left_out: training ids of classes to ignore.
    """
    doubt = assumed_void(tallies)
    if doubt is not None:
        yield doubt
    missing = [] if doubt is not None or not tallies else _missing(tallies, left_out)
    if missing:
        yield _in_no_split(tallies, missing)
    for tally in tallies:
        split = tally.dataset.split
        wanted = [place for place in range(len(tally.classes)) if place not in left_out]
        absent = [place for place in wanted if not tally.classes[place]]
        occurring = len(wanted) - len(absent)
        if not tally.counts.any() or (occurring == 0 and split not in learned):
            continue
        file = tally.dataset.samples[0].label
        if occurring < 2 and doubt is None:
            name = next((tally.dataset.space.classes[p] for p in wanted if p not in absent), None)
            message = _one_class(tally, file, name, absent)
            yield Problem("single" if split in learned else "lone", file, message)
        elif set(absent) - set(missing):
            absent = [place for place in absent if place not in missing]
            yield Problem("absent", file.parent, _absent(tally, file.parent, absent))


def _missing(tallies: Sequence[Tally], left_out: Sequence[int]) -> list[int]:
    """The classes without a pixel in any split, where two or more classes occur."""
    total = np.sum([tally.classes for tally in tallies], axis=0)
    wanted = [place for place in range(len(total)) if place not in left_out]
    absent = [place for place in wanted if not total[place]]
    return absent if len(wanted) - len(absent) > 1 else []


def _in_no_split(tallies: Sequence[Tally], missing: Sequence[int]) -> Problem:
    """The warning of classes that no label holds, with what to do."""
    dataset, folder = tallies[0].dataset, tallies[0].dataset.samples[0].label.parent
    where = " or ".join(_looked_through(tally) for tally in tallies)
    message = (
        f"{folder}: no pixel in {where} of: {_names(dataset, missing)}; a score cannot count them. "
        "Correct the index or colour of the class in the table of classes, add frames that show "
        "it, or remove the class"
    )
    return Problem("missing", folder, message)


def assumed_void(tallies: Sequence[Tally]) -> Problem | None:
    """Return an error if 255 is void by default only and a class has no pixel, else None.

    Example: masks with values 0 and 255 and a table of two classes, where 255 means the second.
    """
    doubtful = [tally for tally in tallies if tally.counts[VOID] and _assumed(tally.dataset)]
    missing = sum((tally.classes for tally in tallies), np.int64(0)) == 0
    if not doubtful or not missing.any() or (missing.all() and len(missing) != 2):
        return None
    dataset, file = doubtful[0].dataset, doubtful[0].void_file or Path()
    names, absent = dataset.space.classes, np.flatnonzero(missing).tolist()
    if len(absent) == 1:
        ids = [
            VOID if place in absent else number for place, number in enumerate(dataset.space.ids)
        ]
        if len(names) == 2:
            rows = " and ".join(f"index = {i} for {n!r}" for i, n in zip(ids, names, strict=True))
        else:
            rows = f"index = {VOID} for {names[absent[0]]!r}, and the index of each other class"
        meant = f"if {VOID} is {names[absent[0]]!r}, write {rows}"
    else:
        meant = f"if {VOID} is a class, write index = {VOID} for it, and the index of each other"
    message = (
        f"{file}: holds {VOID}, which the table of classes does not name, and no label holds "
        f"{_names(dataset, absent)}; with {VOID} as void, miou would mean nothing. In "
        f"classes.toml, {meant}; if it is void, write void_indices = [{VOID}]"
    )
    return Problem("assumed", file, message)


def check_learned(train: Tally, val: Tally) -> None:
    """Check the classes before training; log warnings on scores that would say little.

    Raises:
        ValueError: fewer than two classes occur in the training labels, or 255 may be a class.
    """
    for problem in findings([train, val], (train.dataset.split,)):
        if problem.is_error:
            raise ValueError(problem.message)
        _log.warning("%s", problem.message)


def check_packed(tallies: Sequence[Tally]) -> None:
    """Check the classes of a pack, as the pack does not store which values are void by default.

    Raises:
        ValueError: 255 may be a class.
    """
    for problem in findings(tallies):
        if problem.kind == "assumed":
            raise ValueError(problem.message)
        _log.warning("%s", problem.message)


def check_measured(tally: Tally, left_out: Sequence[int] = ()) -> tuple[str, ...]:
    """Return warnings on the scores of a split.

    Args:
        tally: counts of all frames.
        left_out: training ids of classes that were not measured.

    Raises:
        ValueError: 255 may be a class and fewer than two others occur.
    """
    found = list(findings([tally], (), left_out))
    if found and found[0].kind == "assumed" and np.count_nonzero(tally.classes) < 2:
        raise ValueError(found[0].message)
    return tuple(problem.message for problem in found)


def _one_class(tally: Tally, file: Path, name: str | None, absent: Sequence[int]) -> str:
    labels = f"{file} and the other labels of {tally.dataset.split}"
    missing = f"no pixel of: {_names(tally.dataset, absent)}" if absent else "no other class"
    if name is None:
        return f"{labels}: expected two classes or more. Received: void throughout, {missing}"
    return (
        f"{labels}: expected two classes or more, as miou over one means nothing. Received: "
        f"{name!r} alone, {missing}; add frames that show more, or mend the table of classes"
    )


def _absent(tally: Tally, folder: Path, absent: Sequence[int]) -> str:
    return f"{folder}: no pixel in {_looked_through(tally)} of: {_names(tally.dataset, absent)}"


def _looked_through(tally: Tally) -> str:
    """The frames that a tally has counted, in words."""
    split = tally.dataset.split
    every = tally.frames >= len(tally.dataset.samples)
    return split if every else f"the first {tally.frames} frames of {split}"


def _names(dataset: Dataset, places: Sequence[int]) -> str:
    """Format classes by name, with their index or colour in label files if known."""
    stand: dict[int, str] = {}
    masks = _masks(dataset)
    if isinstance(masks, ColourMasks | MixedMasks):
        colours = masks if isinstance(masks, ColourMasks) else masks.colours
        for colour, place in colours.ids.items():
            stand.setdefault(place, f"colour {list(colour)}")
    if isinstance(masks, IndexMasks | MixedMasks):
        indices = masks if isinstance(masks, IndexMasks) else masks.indices
        stand |= {place: f"index {index}" for index, place in indices.ids.items()}
    texts = [
        dataset.space.classes[place] + (f" ({stand[place]})" if place in stand else "")
        for place in places
    ]
    return some(texts, MOST_NAMED)


def _assumed(dataset: Dataset) -> bool:
    """Whether 255 is void by default, not by the table of classes."""
    masks = _masks(dataset)
    indices = masks.indices if isinstance(masks, MixedMasks) else masks
    return isinstance(indices, IndexMasks) and VOID in indices.assumed


def _masks(dataset: Dataset) -> Masks | None:
    """Return the decoder of label files; None for a pack."""
    read = dataset.read
    while isinstance(read, JoinedReader):
        read = next(iter(read.readers.values()))
    return read.masks if isinstance(read, FileReader) else None
