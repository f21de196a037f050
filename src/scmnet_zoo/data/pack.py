"""Packs: a dataset at one size in one HDF5 file, which is read without decoding images.

Each split is a group with these datasets, one chunk per frame:

- `images`: uint8 (frames, height, width, 3), not compressed. LZF would save a third of the size,
  and reading would take twenty times as long (see `lab/pack.py`).
- `labels`: uint8 training ids (frames, height, width), compressed with LZF.
- `names`: names of the frames.
- `boxes`: int32 (frames, 4), top, left, height and width of each frame within its padding
  (`scmnet_zoo.data.ratio`).

Attributes of the file: `format`, `version`, `dataset`, `space` (label space as JSON), `size`
(height, width), `resized` (method) and `guessed` (messages on guessed classes as JSON).
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scmnet_zoo.data._threads import in_threads
from scmnet_zoo.data.dataset import Dataset, Pair, Sample, joined
from scmnet_zoo.data.frames import read_placed
from scmnet_zoo.data.hdf5_sink import check_room, new_hdf5
from scmnet_zoo.data.labels import VOID, Label, LabelSpace, composed
from scmnet_zoo.data.occurrence import Tally, check_packed, counts_of
from scmnet_zoo.data.ratio import Box, Size
from scmnet_zoo.files import whole_file

FORMAT = "scmnet-zoo pack"
VERSION = 1
RESIZED = "images bilinear, labels nearest neighbour, by Pillow; aspect ratio kept by padding"
LARGEST_SIDE = 65_535  # pixels


def write_pack(
    datasets: Sequence[Dataset],
    size: tuple[int, int],
    path: str | os.PathLike[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> None:
    """Write splits of a dataset to a pack, resized as `Frames` does.

    A few frames at a time are in memory. The file appears when it is complete; after an error or
    an interruption no new file exists, and an older file is unchanged.

    Args:
        datasets: splits of one dataset.
        size: (height, width) of the frames in pixels.
        path: file to write, in an existing folder.
        progress: called with (frames done, frames in total), in another thread.
        workers: number of threads that read. Defaults to the number of CPU cores.

    Raises:
        ValueError: no splits, a repeated split, splits of several datasets, two frames with one
            name, a wrong size, a frame that cannot be read, or 255 in the masks may be a class.
        OSError: the file cannot be written, e.g. on a full disk.
    """
    path = Path(path)
    _check_splits(datasets)
    if not all(isinstance(side, int) and 0 < side <= LARGEST_SIDE for side in size):
        raise ValueError(f"Expected size to be (height, width) in pixels. Received: {size}")
    least = sum(len(dataset.samples) for dataset in datasets) * size[0] * size[1] * 3
    # Write in another thread: KeyboardInterrupt reaches the main thread, and crashes inside HDF5.
    stop = threading.Event()
    with whole_file(path) as part, ThreadPoolExecutor(1) as pool:
        check_room(path, least)
        written = pool.submit(_write, datasets, size, part, progress, workers, stop)
        try:
            written.result()
        finally:
            stop.set()


def _write(
    datasets: Sequence[Dataset],
    size: tuple[int, int],
    part: Path,
    progress: Callable[[int, int], None],
    workers: int | None,
    stop: threading.Event,
) -> None:
    total = sum(len(dataset.samples) for dataset in datasets)
    tallies = [Tally(dataset) for dataset in datasets]
    with new_hdf5(part) as (file, sink):
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["dataset"] = datasets[0].name
        file.attrs["space"] = json.dumps(dataclasses.asdict(datasets[0].space))
        file.attrs["size"] = size
        file.attrs["resized"] = RESIZED
        file.attrs["guessed"] = json.dumps(joined(datasets).guessed)
        done = 0
        for dataset, tally in zip(datasets, tallies, strict=True):
            count = len(dataset.samples)
            group = file.create_group(dataset.split)
            group["names"] = [sample.name for sample in dataset.samples]
            images = group.create_dataset(
                "images", (count, *size, 3), np.uint8, chunks=(1, *size, 3)
            )
            labels = group.create_dataset(
                "labels", (count, *size), np.uint8, chunks=(1, *size), compression="lzf"
            )
            boxes = group.create_dataset("boxes", (count, 4), np.int32)

            def read(sample: Sample, dataset: Dataset = dataset) -> tuple[Pair, Box]:
                return read_placed(dataset, sample, size)

            with contextlib.closing(in_threads(read, dataset.samples, workers)) as frames:
                for index, ((image, label), box) in enumerate(frames):
                    if stop.is_set():
                        raise RuntimeError("interrupted")  # ends the thread; nobody catches it
                    images[index], labels[index], boxes[index] = image, label, box
                    tally.add(dataset.samples[index], counts_of(box.cut(label)))
                    sink.check()
                    done += 1
                    progress(done, total)
    check_packed(tallies)


def packed_splits(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the splits of a pack, in the order in which they were written.

    Raises:
        ValueError: as `packed`.
    """
    path = Path(path)
    with _opened(path) as file:
        _described(path, file)
        return tuple(file)


def packed(path: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of a pack.

    `Sample.image` and `Sample.label` are places in the pack, not files. Packs have no instances.
    The file is opened for each frame, in less than a millisecond, so threads and processes can
    share the dataset.

    Args:
        path: file of `write_pack`.
        split: name of the split.

    Raises:
        ValueError: the file is missing, not a pack, of a newer version, truncated or damaged, or
            lacks the split.
    """
    path = Path(path)
    with _opened(path) as file:
        name, space, size = _described(path, file)
        guessed = tuple(map(str, json.loads(file.attrs.get("guessed", "[]"))))
        if split not in list(file):
            raise ValueError(
                f"{path}: expected split to be one of {', '.join(file)}. Received: {split!r}"
            )
        group = file[split]
        names = [entry.decode() for entry in group["names"][()]]
        count = len(names)
        for kind, shape in (("images", (count, *size, 3)), ("labels", (count, *size))):
            if group[kind].shape != shape or group[kind].dtype != np.uint8:
                raise ValueError(
                    f"{path}: expected {split}/{kind} to be uint8 {shape}. "
                    f"Received: {group[kind].dtype} {group[kind].shape}"
                )
        if "boxes" in group and not _are_boxes(group["boxes"][()], count, size):
            raise ValueError(f"{path}: damaged: {split}/boxes are not within its frames")
    samples = tuple(
        Sample(name, path / split / "images" / name, path / split / "labels" / name)
        for name in names
    )
    places = {name: place for place, name in enumerate(names)}
    reader = PackReader(path, split, len(space.labels), places)
    return Dataset(name, split, space, samples, reader, guessed)


@dataclass(frozen=True)
class PackReader:
    """Reader of frames from a pack, without their padding.

    Attributes:
        path: file of the pack.
        split: name of the split.
        classes: number of classes.
        places: mapping from name of a frame to its position.
    """

    path: Path
    split: str
    classes: int
    places: Mapping[str, int]

    def __call__(self, sample: Sample) -> Pair:
        """Read a frame.

        Raises:
            ValueError: the file is missing, truncated or damaged, lacks the frame, or the label
                has an id outside the label space.
        """
        if sample.name not in self.places:
            raise ValueError(f"{sample.image}: not in this split of the file")
        place = self.places[sample.name]
        with _opened(self.path) as file:
            group = file[self.split]
            image, label = group["images"][place], group["labels"][place]
            if "boxes" in group:  # older packs have none
                box = Box(*group["boxes"][place].tolist())
                image, label = box.cut(image), box.cut(label)
        unknown = np.unique(label[(label >= self.classes) & (label != VOID)])
        if len(unknown):
            raise ValueError(
                f"{sample.label}: expected training ids 0..{self.classes - 1}, {VOID}. "
                f"Received: {', '.join(map(str, unknown))}"
            )
        return image, label

    def frame_sizes(self, samples: Sequence[Sample]) -> list[Size | None]:
        """Return (height, width) of frames without their padding."""
        with _opened(self.path) as file:
            group = file[self.split]
            shape = group["labels"].shape[1:]
            sizes = [shape] * len(group["labels"])
            if "boxes" in group:
                sizes = [Box(*box).size for box in group["boxes"][()].tolist()]
        return [sizes[self.places[sample.name]] for sample in samples]

    def labels_digest(self) -> str:
        """Return the SHA-256 of the stored labels, which identifies the pack."""
        digest = hashlib.sha256()
        with _opened(self.path) as file:
            labels = file[self.split]["labels"]
            for place in range(len(labels)):
                digest.update(labels.id.read_direct_chunk((place, 0, 0))[1])
        return digest.hexdigest()


def _are_boxes(boxes: np.ndarray, count: int, size: Size) -> bool:
    """Whether an array has a valid `Box` for each of `count` frames."""
    if boxes.shape != (count, 4) or boxes.dtype != np.int32:
        return False
    starts, sides = boxes[:, :2], boxes[:, 2:]
    return bool(np.all((starts >= 0) & (sides > 0) & (starts + sides <= np.array(size))))


def _check_splits(datasets: Sequence[Dataset]) -> None:
    if not datasets:
        raise ValueError("Expected at least one split to pack. Received: none")
    for field, what in (("name", "dataset"), ("space", "label space")):
        if any(getattr(dataset, field) != getattr(datasets[0], field) for dataset in datasets):
            raise ValueError(f"Expected splits of one {what} to pack. Received: several")
    splits = [dataset.split for dataset in datasets]
    if len(set(splits)) < len(splits):
        raise ValueError(f"Expected each split once. Received: {', '.join(splits)}")
    for dataset in datasets:
        names: set[str] = set()
        for sample in dataset.samples:
            if sample.name in names:
                raise ValueError(
                    f"{sample.image}: expected each name once in {dataset.split}. "
                    f"Received: {sample.name!r} twice"
                )
            names.add(sample.name)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a pack for reading. Errors of HDF5 become a ValueError that names the file."""
    import h5py

    if not path.is_file():
        raise ValueError(f"{path}: expected a file that `scmnet-zoo data pack` wrote")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        if not h5py.is_hdf5(path):
            raise ValueError(
                f"{path}: expected a file that `scmnet-zoo data pack` wrote. "
                "Received: a file of another kind"
            ) from error
        if "truncated" in str(error):
            raise ValueError(
                f"{path}: truncated; write it again with `scmnet-zoo data pack`"
            ) from error
        raise ValueError(f"{path}: damaged or unreadable: {error}") from error


def _described(path: Path, file: Any) -> tuple[str, LabelSpace, tuple[int, int]]:
    """Return the name of the dataset, its label space, and (height, width) of its frames."""
    if file.attrs.get("format") != FORMAT:
        raise ValueError(
            f"{path}: expected a file that `scmnet-zoo data pack` wrote. "
            "Received: an HDF5 file of another kind"
        )
    version = int(file.attrs["version"])
    if version > VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION} of the format or older. Received: version "
            f"{version}, which a newer scmnet-zoo reads"
        )
    try:
        stored = json.loads(file.attrs["space"])
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: damaged: its label space is not JSON: {error}") from error
    labels = tuple(
        Label(
            composed(entry["name"]),
            tuple(entry["colour"]),
            entry["category"],
            entry["id"],
            entry["instance_size"],
        )
        for entry in stored["labels"]
    )
    height, width = (int(side) for side in file.attrs["size"])
    space = LabelSpace(stored["name"], labels, tuple(stored["void_ids"]))
    return file.attrs["dataset"], space, (height, width)
