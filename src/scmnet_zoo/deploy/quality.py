"""mIoU, time and size of an exported file beside those of the network, or of the file in float."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from scmnet_zoo.data import VOID, Dataset
from scmnet_zoo.data.ratio import place
from scmnet_zoo.deploy.formats import OpenSize, Size
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import Limits, Runner, as_batch
from scmnet_zoo.deploy.sizes import fitted
from scmnet_zoo.evaluation.protocol import Protocol, reduce_label, resize_image
from scmnet_zoo.metrics import ConfusionMatrix

ROUNDS = 9  # of timing, after one that warms up


@dataclass(frozen=True)
class Labelled:
    """Frames with labels.

    Attributes:
        dataset: the frames.
        protocol: at what size they are compared.
        places: for each class of the network its training id, 255 for none; None for the same.
        most: how many frames are used at most, evenly spread; None for all.
    """

    dataset: Dataset
    protocol: Protocol
    places: tuple[int, ...] | None = None
    most: int | None = None


@dataclass(frozen=True)
class Quality:
    """What an exported file is worth beside the network, or the file in float.

    Attributes:
        classes: names of the classes.
        before: IoU by class of the network, percent, NaN for what does not occur; empty without
            labels.
        after: that of the file.
        seconds: for an image: of the file in float and of this one; of int8 only.
        sizes: in bytes, likewise.
    """

    classes: tuple[str, ...] = ()
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    seconds: tuple[float, float] | None = None
    sizes: tuple[int, int] | None = None

    @property
    def lost(self) -> float | None:
        """Points of mIoU."""
        if not self.before:
            return None
        before, after = self.means
        return before - after

    @property
    def means(self) -> tuple[float, float]:
        """mIoU before and after, percent."""
        return float(np.nanmean(self.before)), float(np.nanmean(self.after))

    def table(self) -> str:
        """IoU by class, before and after, in a line."""
        rows = zip(self.classes, self.before, self.after, strict=True)
        return ", ".join(f"{name} {old:.2f} to {new:.2f}" for name, old, new in rows)


def measure(
    job: Job,
    float_job: Job,
    folder: Path,
    target: Any,
    network: keras.Model,
    labelled: Labelled | None,
    images: Sequence[np.ndarray],
    report: Callable[[str], None],
) -> Quality:
    """Measure the file in `folder`; of int8 also the file in float, which is written for it."""
    run, _ = target.load(folder / job.name)
    seconds = sizes = None
    image_size = job.model.inputs[0].shape[1:3]
    if float_job is not job:
        with tempfile.TemporaryDirectory() as place:
            target.write(float_job, Path(place))
            other, _ = target.load(Path(place, float_job.name))
            report("timing")
            seconds = _times([other, run], fitted(images[0], image_size))
            sizes = (_bytes(Path(place)), _bytes(folder))
            del other
            shutil.rmtree(place, ignore_errors=True)
    if labelled is None:
        return Quality(seconds=seconds, sizes=sizes)
    report("measuring mIoU")
    space = labelled.dataset.space
    before, after = _ious(
        [lambda batch: as_batch(network, batch), run], labelled, image_size, len(space.labels)
    )
    return Quality(space.classes, before, after, seconds, sizes)


def check_quality(
    quality: Quality, limits: Limits, precision: str, what: str, hint: str = ""
) -> None:
    """That not too much mIoU is lost, and that int8 is faster than float; `hint` says what else.

    Raises:
        ValueError: it is, or it is not.
    """
    lost = quality.lost
    if lost is not None and not lost <= limits.miou:
        raise ValueError(
            f"Expected {what} in {precision} to lose at most {limits.miou} mIoU. "
            f"Received: {lost:.2f} lost; IoU by class: {quality.table()}{hint and f'; {hint}'}"
        )
    if quality.seconds is not None and quality.seconds[1] >= quality.seconds[0]:
        slow, fast = (1000 * one for one in quality.seconds[::-1])
        raise ValueError(
            f"Expected {what} in {precision} to be faster than in float on this machine. "
            f"Received: {slow:.1f} ms, in float {fast:.1f} ms; take --precision f32 or f16 here"
        )


def _times(runners: Sequence[Runner], batch: np.ndarray) -> tuple[float, float]:
    """The least time of each, taken in turns: what else the machine does can only add to it."""
    taken: list[list[float]] = [[] for _ in runners]
    for number in range(ROUNDS + 1):
        for run, times in zip(runners, taken, strict=True):
            start = time.perf_counter()
            run(batch)
            if number:
                times.append(time.perf_counter() - start)
    first, second = (min(times) for times in taken)
    return first, second


def _ious(
    runners: Sequence[Runner], labelled: Labelled, size: OpenSize, count: int
) -> list[tuple[float, ...]]:
    """IoU by class in percent of each runner."""
    dataset, protocol, places = labelled.dataset, labelled.protocol, labelled.places
    matrices = [ConfusionMatrix(count) for _ in runners]
    left_out = [] if places is None else sorted(set(range(count)) - set(places))
    lookup = None if places is None else np.array(places, np.uint8)
    every = max(1, math.ceil(len(dataset.samples) / (labelled.most or len(dataset.samples))))
    for sample in dataset.samples[::every]:
        image, label = dataset.read(sample)
        if protocol.full_size_only and image.shape[0] < (protocol.size or (0,))[0]:
            continue
        label = reduce_label(label, protocol.size)
        label = np.where(np.isin(label, left_out), VOID, label)
        if protocol.size is not None:
            image = resize_image(image, protocol.size)
        batch = fitted(image, size)
        box = place(image.shape[:2], batch.shape[1:3])
        for run, matrix in zip(runners, matrices, strict=True):
            found = run(batch)[0]
            mask = found.argmax(-1).astype(np.uint8) if found.ndim == 3 else found
            mask = mask if lookup is None else lookup[mask]
            if box.size != batch.shape[1:3]:  # of another aspect ratio, and so padded
                mask = box.cut(_nearest(mask, batch.shape[1:3]))
            matrix.update(label, _nearest(mask, label.shape))
    return [tuple((100 * matrix.iou()).tolist()) for matrix in matrices]


def _nearest(mask: np.ndarray, size: Size) -> np.ndarray:
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for old, new in zip(mask.shape, size, strict=True)
    )
    return mask[rows][:, columns]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
