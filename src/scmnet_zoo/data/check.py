"""Looks through all of a dataset for what would spoil a training, and reports everything."""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data import open_dataset, reader_of
from scmnet_zoo.data._threads import in_threads
from scmnet_zoo.data.blur import blurred
from scmnet_zoo.data.dataset import Dataset, FileReader, Sample, left_out, turned_in_words
from scmnet_zoo.data.frames import same_aspect
from scmnet_zoo.data.labels import LABEL_SPACES, VOID, match_classes
from scmnet_zoo.data.masks import (
    ColourMasks,
    IndexMasks,
    Masks,
    MixedMasks,
    label_ids,
    stored_indices,
    training_ids,
)
from scmnet_zoo.data.occurrence import Tally, counts_of, findings
from scmnet_zoo.data.pairs import SPLITS, Listing, is_there, listing, splits_of
from scmnet_zoo.data.ratio import Size, in_words, other_ratios, padding_in_words
from scmnet_zoo.data.report import KINDS, Problem, Report
from scmnet_zoo.image_files import (
    SUFFIXES,
    lacks_end_marker,
    left_out_in_words,
    open_image,
    orientation,
)
from scmnet_zoo.images import read_image

# What reading a damaged file may raise.
FAULTS = (ValueError, OSError, MemoryError)

THUMBNAIL = 16  # pixels, the side of the grey square by which similar images are found
SIMILAR = 0.5  # grey levels by which squares of similar images differ on average


def check(
    dataset: str,
    root: str | os.PathLike,
    splits: Sequence[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
    size: Size | None = None,
) -> Report:
    """Read every frame of a dataset and report all that is wrong.

    Nothing that is wrong with the data raises; it is a problem of the report.

    Args:
        dataset: one of `READERS`.
        root: the folder that holds it, or a file of `write_pack`.
        splits: which parts of it; by default all that there are.
        progress: called with the frames done and those there are.
        workers: number of threads, by default one a core.
        size: (height, width) that frames are to be brought to for training; images of another
            aspect ratio are reported. None for none.

    Raises:
        ValueError: no such dataset, or nothing at all can be found under `root`.
    """
    root = Path(root)
    reader_of(dataset)
    opened, problems = _open(dataset, root, splits)
    seen: dict[str, list[_Frame]] = {}
    total, done = sum(len(each.samples) for each in opened.values()), 0
    for split, each in opened.items():
        seen[split] = []

        def look(sample: Sample, each: Dataset = each) -> _Frame:
            return _look(each, sample)

        with contextlib.closing(in_threads(look, each.samples, workers)) as frames:
            for frame in frames:
                seen[split].append(frame)
                problems += frame.problems
                done += 1
                progress(done, total)
    guessed = dict.fromkeys(line for each in opened.values() for line in each.guessed)
    problems += [Problem("guessed", root, line) for line in guessed]
    tallies = {split: Tally(each) for split, each in opened.items()}
    for split, tally in tallies.items():
        for frame in seen[split]:
            tally.add(frame.sample, frame.counts)
        problems += _taken_for_others(root, tally.dataset, seen[split])
        if size is not None:
            problems += _ratios(split, seen[split], size)
    problems += findings(list(tallies.values()))
    problems += _same_images(seen) + _similar_images(seen)
    order = list(KINDS)
    return Report(
        dataset,
        next((each.space for each in opened.values()), None),
        {split: len(each.samples) for split, each in opened.items()},
        {split: tally.shares() for split, tally in tallies.items()},
        {split: tally.void_share() for split, tally in tallies.items()},
        tuple(sorted(problems, key=lambda problem: order.index(problem.kind))),
    )


@dataclass(frozen=True)
class _Frame:
    """What is kept of a frame.

    Attributes:
        sample: which it is.
        problems: what is wrong with it.
        counts: pixels of each training id, int64 (256,).
        values: the indices that the label file holds, where it holds indices.
        digest: of the image's pixels.
        thumbnail: the image as a small grey one, int16 (pixels,).
        size: (height, width) of the image.
    """

    sample: Sample
    problems: tuple[Problem, ...]
    counts: np.ndarray
    values: frozenset[int]
    digest: bytes | None
    thumbnail: np.ndarray | None
    size: Size | None


def _open(
    name: str, root: Path, wanted: Sequence[str] | None
) -> tuple[dict[str, Dataset], list[Problem]]:
    """The splits, those too of which only a part of the frames is whole."""
    opened: dict[str, Dataset] = {}
    broken: dict[str, Listing] = {}
    problems: list[Problem] = []
    there = splits_of(name, root) if wanted is None else tuple(wanted)
    if wanted is None and name == "folder":  # its splits are what is there; `train` wants these
        there += ("train", "val")
    for split in dict.fromkeys(there):
        if wanted is None and not is_there(name, root, split):
            problems.append(Problem("no split", root, f"{root}: no split {split}"))
            continue
        fault = ""
        try:
            opened[split] = open_dataset(name, root, split)
        except ValueError as error:
            fault = str(error)
        if name == "folder" and (images := root / "images" / split).is_dir():
            problems += _left_out(images)
        gaps, files = _gaps(name, root, split, fault)
        problems += gaps
        if fault and files is not None and gaps:
            broken[split] = files
        if fault and all(problem.message != fault for problem in problems):
            problems.append(Problem("split", root, fault))
    for split, files in broken.items():
        whole = [each for each in files.names if each in files.images and each in files.labels]
        like = next(iter(opened.values()), None)
        if like is None:
            message = f"{root}: {split} is not looked at before its frames are whole"
            problems.append(Problem("split", root, message))
            continue
        samples = tuple(Sample(each, files.images[each], files.labels[each]) for each in whole)
        opened[split] = Dataset(like.name, split, like.space, samples, like.read)
    if all(problem.kind == "no split" for problem in problems) and not opened:
        open_dataset(name, root, SPLITS[0])  # raises, and says what is there instead
    return opened, problems


def _gaps(name: str, root: Path, split: str, fault: str) -> tuple[list[Problem], Listing | None]:
    """The frames of a split that are not whole, in the reader's words where it found the same."""
    if root.is_file():
        return [], None
    try:
        files = listing(name, root, split)
    except ValueError:  # the reader has said so
        return [], None
    problems = []
    for each in files.names:
        image, label = files.images.get(each), files.labels.get(each)
        if image is not None and label is not None:
            continue
        file = image or label
        told = re.search(rf"(?<!\w){re.escape(each)}(?!\w)", fault) or str(file) in fault
        if told:
            message, fault = fault, ""
        elif file is None:
            message = f"{root / split}.txt: names {each}, which has neither image nor label"
        elif file is image:
            message = f"{file}: an image without a label"
        else:
            message = f"{file}: a label without an image"
        problems.append(Problem("pair", file or root / f"{split}.txt", message))
    return problems, files


def _left_out(folder: Path) -> list[Problem]:
    """Files in a folder of images that are no images by their names."""
    try:
        others = left_out(folder, SUFFIXES)
    except ValueError:  # the reader has said so
        return []
    message = f"{folder}: left out, as no image by its name: {left_out_in_words(others)}"
    return [Problem("left out", folder, message)] if others else []


def _look(dataset: Dataset, sample: Sample) -> _Frame:
    """Read a frame and all that is to be known of it."""
    problems: list[Problem] = []
    image = ids = None
    try:
        image, ids = dataset.read(sample)
    except FAULTS as error:
        problems.append(Problem("unreadable", sample.image, _message(sample.image, error)))
    values = ids
    if isinstance(dataset.read, FileReader):
        masks = dataset.read.masks
        if problems:  # by the reader's order only the first of them, and perhaps the label's
            image, faults = _image(sample.image)
            values, ids, more = _label(masks, sample.label)
            problems = faults + more or problems
        else:
            values = _values(masks, open_image(sample.label), sample.label)
        if image is not None:
            problems += _head(sample.image)
        if values is not None and (found := blurred(values, masks, ids is None, sample.label)):
            problems = [each for each in problems if each.kind != "ids"] + [found]
    if image is not None and values is not None:
        problems += _sizes(sample, image, values)
    counts = np.zeros(VOID + 1, np.int64)
    if ids is not None:
        counts = counts_of(ids)
        if counts[VOID] == ids.size:
            problems.append(Problem("void", sample.label, f"{sample.label}: void throughout"))
    digest = thumbnail = None
    if image is not None:
        digest = hashlib.blake2b(np.array(image.shape).tobytes() + image.tobytes()).digest()
        side = (THUMBNAIL, THUMBNAIL)
        small = Image.fromarray(image).convert("L").resize(side, Image.Resampling.BOX)
        thumbnail = np.asarray(small, np.int16).ravel()
    indices: frozenset[int] = frozenset()
    if values is not None and values.ndim == 2:
        indices = frozenset(np.flatnonzero(np.bincount(values.ravel())).tolist())
    size = None if image is None else (image.shape[0], image.shape[1])
    return _Frame(sample, tuple(problems), counts, indices, digest, thumbnail, size)


def _head(path: Path) -> list[Problem]:
    """What to know of an image beside its pixels."""
    problems = []
    if (turn := orientation(path)) != 1:
        message = (
            f"{path}: turned upright by its EXIF orientation ({turn}). Its label has to be drawn "
            "on the upright image; a label drawn on the image as it is stored does not fit"
        )
        problems.append(Problem("turned", path, message))
    if lacks_end_marker(path):
        problems.append(Problem("no end", path, f"{path}: a JPEG file without its end marker"))
    return problems


def _image(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    """The pixels of an image file, uint8 (height, width, 3), or what is wrong with it."""
    try:
        return read_image(path), []
    except FAULTS as error:
        return None, [Problem("unreadable", path, _message(path, error))]


def _label(masks: Masks, path: Path) -> tuple[np.ndarray | None, np.ndarray | None, list[Problem]]:
    """What a label file holds, its training ids, and what is wrong with it."""
    try:
        mask = open_image(path)
    except FAULTS as error:
        return None, None, [Problem("unreadable", path, _message(path, error))]
    try:
        return _values(masks, mask, path), masks.decode(mask, path), []
    except FAULTS as error:
        return _values(masks, mask, path), None, [Problem("ids", path, _message(path, error))]


def _values(masks: Masks, mask: Image.Image, path: Path) -> np.ndarray | None:
    """Indices, uint8 (height, width), or else colours, uint8 (height, width, 3)."""
    if not isinstance(masks, ColourMasks):
        with contextlib.suppress(ValueError):
            return stored_indices(mask, path)
    try:
        return np.asarray(mask if mask.mode in ("L", "P") else mask.convert("RGB"))
    except ValueError:  # of a kind that does not convert
        return None


def _message(path: Path, error: BaseException) -> str:
    """An error as a line that names the file."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if str(path.name) in text else f"{path}: {text}"


def _sizes(sample: Sample, image: np.ndarray, label: np.ndarray) -> list[Problem]:
    """Whether an image and its label have one size, or at least one aspect ratio."""
    if image.shape[:2] == label.shape[:2]:
        return []
    words = f"{label.shape[1]}x{label.shape[0]}", f"{image.shape[1]}x{image.shape[0]}"
    message = f"{sample.label}: a label of {words[0]} for the image {sample.image} of {words[1]}"
    turned = turned_in_words(sample)
    if same_aspect(image.shape[:2], label.shape[:2]):
        return [Problem("scale", sample.label, message)]
    return [Problem("size", sample.label, f"{message}: another aspect ratio{turned}")]


def _ratios(split: str, frames: Sequence[_Frame], size: Size) -> list[Problem]:
    """The images of each aspect ratio that is not the training size's."""
    problems = []
    for group in other_ratios([frame.size for frame in frames], size):
        file, own = frames[group[0]].sample.image, frames[group[0]].size
        assert own is not None
        message = (
            f"{file}: of {in_words(own)} (height x width), as {len(group)} of {len(frames)} images "
            f"in {split}; {padding_in_words(own, size)}"
        )
        problems.append(Problem("ratio", file, message))
    return problems


def _taken_for_others(root: Path, dataset: Dataset, frames: Sequence[_Frame]) -> list[Problem]:
    """Whether labels hold a dataset's own ids where training ids are expected, or the reverse."""
    if not isinstance(dataset.read, FileReader):
        return []
    masks = dataset.read.masks
    indices = masks.indices if isinstance(masks, MixedMasks) else masks
    held = [frame.values for frame in frames if frame.values]
    if not isinstance(indices, IndexMasks) or not held:
        return []
    for space in LABEL_SPACES.values():
        places = match_classes(space.classes, dataset.space.classes)
        own, training = label_ids(space), training_ids(space)
        if places != tuple(range(len(dataset.space.labels))) or set(own.ids) <= set(training.ids):
            continue
        beyond = set(own.ids) - set(training.ids)
        union = set().union(*held)
        if indices.ids == own.ids:
            void = sum(frame.counts[VOID] for frame in frames)
            mostly_void = 2 * void > sum(frame.counts.sum() for frame in frames)
            known = {number for number, place in own.ids.items() if place != VOID}
            if union & known and not union & beyond and (VOID in union or mostly_void):
                message = (
                    f"{root}: the labels of {dataset.split} look like {training.title} (none holds "
                    f"an id from {min(beyond)} on). Expected {own.title}"
                )
                return [Problem("encoding", root, message)]
        elif all(indices.ids.get(place) == place for place in range(len(places))):
            alike = [values for values in held if values & beyond and values <= set(own.ids)]
            if 2 * len(alike) >= len(held):
                message = (
                    f"{root}: the labels of {dataset.split} look like {own.title} ({len(alike)} of "
                    f"{len(held)} hold ids from {min(beyond)} on). Expected {indices.title}"
                )
                return [Problem("encoding", root, message)]
    return []


def _same_images(seen: Mapping[str, Sequence[_Frame]]) -> list[Problem]:
    """Images whose pixels are the same, in two splits or twice in one."""
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


def _similar_images(seen: Mapping[str, Sequence[_Frame]]) -> list[Problem]:
    """Images that look like one of an earlier split, though their pixels are not the same."""
    problems = []
    earlier: list[tuple[str, _Frame, np.ndarray]] = []
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
