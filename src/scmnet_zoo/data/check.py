"""Check all frames of a dataset for problems that harm training, and report them."""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.data import open_dataset, reader_of
from scmnet_zoo.data._threads import in_threads
from scmnet_zoo.data.dataset import Dataset, FileReader, Sample, left_out
from scmnet_zoo.data.frame_check import Frame, look_at
from scmnet_zoo.data.labels import LABEL_SPACES, VOID, match_classes
from scmnet_zoo.data.masks import IndexMasks, MixedMasks, label_ids, training_ids
from scmnet_zoo.data.occurrence import Tally, findings
from scmnet_zoo.data.pairs import SPLITS, Listing, is_there, listing, splits_of
from scmnet_zoo.data.ratio import Size, in_words, other_ratios, padding_in_words
from scmnet_zoo.data.repeats import same_images, similar_images
from scmnet_zoo.data.report import KINDS, Problem, Report
from scmnet_zoo.image_files import SUFFIXES, left_out_in_words


def check(
    dataset: str,
    root: str | os.PathLike[str],
    splits: Sequence[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
    size: Size | None = None,
) -> Report:
    """Read every frame of a dataset and report all problems.

    Faults of the data do not raise; the report lists them.

    Args:
        dataset: key of `READERS`.
        root: folder of the dataset, or a file of `write_pack`.
        splits: names of the splits. Defaults to all splits found.
        progress: called with (frames done, frames in total).
        workers: number of threads. Defaults to the number of CPU cores.
        size: training size (height, width); images of another aspect ratio are reported. None to
            skip this check.

    Raises:
        ValueError: the dataset is unknown, or `root` has no data of it.
    """
    root = Path(root)
    reader_of(dataset)
    opened, problems = _open(dataset, root, splits)
    seen: dict[str, list[Frame]] = {}
    total, done = sum(len(each.samples) for each in opened.values()), 0
    for split, each in opened.items():
        seen[split] = []

        def look(sample: Sample, each: Dataset = each) -> Frame:
            return look_at(each, sample)

        with contextlib.closing(in_threads(look, each.samples, workers)) as frames:
            for frame in frames:
                seen[split].append(frame)
                problems += frame.problems
                done += 1
                progress(done, total)
        problems += _formats(each)
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
    problems += same_images(seen) + similar_images(seen)
    order = list(KINDS)
    return Report(
        dataset,
        next((each.space for each in opened.values()), None),
        {split: len(each.samples) for split, each in opened.items()},
        {split: tally.shares() for split, tally in tallies.items()},
        {split: tally.void_share() for split, tally in tallies.items()},
        tuple(sorted(problems, key=lambda problem: order.index(problem.kind))),
    )


def _open(
    name: str, root: Path, wanted: Sequence[str] | None
) -> tuple[dict[str, Dataset], list[Problem]]:
    """Open the splits. A split with incomplete frames is opened with its complete frames."""
    opened: dict[str, Dataset] = {}
    broken: dict[str, Listing] = {}
    problems: list[Problem] = []
    there = splits_of(name, root) if wanted is None else tuple(wanted)
    if wanted is None and not DATASET_CARDS[name].splits:  # any names; training needs these two
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
            message = f"{root}: {split} is not checked until each frame has image and label"
            problems.append(Problem("split", root, message))
            continue
        samples = tuple(Sample(each, files.images[each], files.labels[each]) for each in whole)
        opened[split] = Dataset(like.name, split, like.space, samples, like.read)
    if all(problem.kind == "no split" for problem in problems) and not opened:
        open_dataset(name, root, SPLITS[0])  # raises an error that lists the folder's content
    return opened, problems


def _gaps(name: str, root: Path, split: str, fault: str) -> tuple[list[Problem], Listing | None]:
    """Return the frames of a split that lack an image or a label, and the split's files.

    A frame that the reader's error `fault` names is reported with that error.
    """
    if root.is_file():
        return [], None
    try:
        files = listing(name, root, split)
    except ValueError:  # the reader has reported it
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
    """Return a note on files in a folder of images that have no suffix of an image."""
    try:
        others = left_out(folder, SUFFIXES)
    except ValueError:  # the reader has reported it
        return []
    message = f"{folder}: left out, as no image by its name: {left_out_in_words(others)}"
    return [Problem("left out", folder, message)] if others else []


def _ratios(split: str, frames: Sequence[Frame], size: Size) -> list[Problem]:
    """Return a note for each aspect ratio of images that differs from the training size's."""
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


def _formats(dataset: Dataset) -> list[Problem]:
    """The note that images of a split have several suffixes."""
    suffixes = Counter(sample.image.suffix.lower() for sample in dataset.samples)
    if len(suffixes) < 2 or not isinstance(dataset.read, FileReader):
        return []
    rarest = min(suffixes, key=lambda suffix: (suffixes[suffix], suffix))
    path = next(s.image for s in dataset.samples if s.image.suffix.lower() == rarest)
    counts = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common())
    return [Problem("formats", path, f"images of {dataset.split} are {counts}, such as {path}")]


def _taken_for_others(root: Path, dataset: Dataset, frames: Sequence[Frame]) -> list[Problem]:
    """Return an error if labels have original ids instead of training ids, or the reverse."""
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
