"""Batches of frames for training.

Three classes store the frames. The batches are the same for each, so they do not change the
result of a run:

- `OnDevice`: decoded once, in the accelerator's memory; a step transfers frame numbers only.
- `InMemory`: decoded once, in the host's memory; a step transfers its frames.
- `FromFiles`: decoded by threads for each step.
"""

import contextlib
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from scmnet_zoo.data._threads import in_threads
from scmnet_zoo.data.dataset import Dataset
from scmnet_zoo.data.frames import Frames, read_frame, read_placed
from scmnet_zoo.data.labels import VOID
from scmnet_zoo.data.occurrence import Tally, counts_of
from scmnet_zoo.data.ratio import Box
from scmnet_zoo.layers._types import Tensor

KEEPING = ("device", "memory", "files")
DEVICE_BYTES = 2 << 30  # largest size of frames in the accelerator's memory by default
MEMORY_SHARE = 0.5  # largest share of the host's memory for frames by default
AHEAD = 3  # number of batches that are prepared ahead


class Order:
    """Random order of frames. Each pass (epoch) takes each frame once, in a new permutation.

    The last frames of a pass that do not fill a batch are left out. If there are fewer frames than
    `batch_size`, frames are repeated.

    Args:
        count: number of frames.
        batch_size: frames per step.
        seed: seed of the permutations.

    Attributes:
        steps: steps per pass.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        self.count: int
        self.batch_size: int
        self.seed: int
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.steps: int = max(1, count // batch_size)
        self._pass: tuple[int, np.ndarray] = (-1, np.empty(0, np.int32))

    def batch(self, step: int) -> np.ndarray:
        """The frame numbers of a step, counted from the first step of the run; int32."""
        number, place = divmod(step, self.steps)
        if self._pass[0] != number:
            rng = np.random.default_rng([self.seed, number])
            parts = -(-self.batch_size // self.count)
            frames = np.concatenate([rng.permutation(self.count) for _ in range(parts)])
            self._pass = (number, frames.astype(np.int32))
        return self._pass[1][place * self.batch_size : (place + 1) * self.batch_size]


class MixedOrder:
    """Random order of frames from two groups, with a fixed share of each group in every batch.

    A pass (epoch) takes each frame of the first group once.

    Args:
        counts: number of frames of each group. Frame numbers of the second group follow those of
            the first.
        share: share of the second group in a batch, above 0 and below 1.
        batch_size: frames per step, 2 or more.
        seed: seed of the permutations.

    Attributes:
        steps: steps per pass.
    """

    def __init__(self, counts: tuple[int, int], share: float, batch_size: int, seed: int):
        second = min(batch_size - 1, max(1, round(share * batch_size)))
        self.count: int
        self.batch_size: int
        self.seed: int
        self.count, self.batch_size, self.seed = sum(counts), batch_size, seed
        self._first = Order(counts[0], batch_size - second, seed)
        self._second = Order(counts[1], second, seed + 1)
        self._offset = counts[0]
        self.steps: int = self._first.steps

    def batch(self, step: int) -> np.ndarray:
        """The frame numbers of a step, counted from the first step of the run; int32."""
        second = self._second.batch(step) + np.int32(self._offset)
        return np.concatenate([self._first.batch(step), second])


def order_of(source: "Source", batch_size: int, seed: int) -> "Order | MixedOrder":
    """Return the order of a source's frames: `MixedOrder` if the source has a mixture."""
    count = len(source.dataset.samples)
    if source.mixture is None:
        return Order(count, batch_size, seed)
    first, share = source.mixture
    return MixedOrder((first, count - first), share, batch_size, seed)


class Source(Protocol):
    """Protocol of the classes that store frames.

    Attributes:
        dataset: dataset of the frames.
        layer: layer from the result of `get` to uint8 images (batch, height, width, 3), labels
            (batch, height, width) and optionally a teacher's probabilities (batch, rows, columns,
            classes).
        mixture: (number of frames in the first group, share of the second group in a batch). None
            if all frames form one group.
        taught: whether the frames have a teacher's probabilities.
    """

    dataset: Dataset
    layer: keras.layers.Layer
    mixture: tuple[int, float] | None
    taught: bool

    def get(self, numbers: np.ndarray) -> Any:
        """Return the input of `layer` for frame numbers. A negative number is a void frame."""


class DeviceFrames(keras.layers.Layer):
    """Layer with all frames in the accelerator's memory, indexed by frame number.

    A step transfers frame numbers instead of megabytes of pixels, whose transfer can take longer
    than the step. Meant for datasets that fit: CamVid's 367 training frames at 720x960 (height x
    width) take 1.0 GB.

    Input: int32 frame numbers (batch,). A negative number gives a frame with void labels.

    Output: uint8 images (batch, height, width, 3), labels (batch, height, width) and optionally a
    teacher's probabilities (batch, rows, columns, classes).
    """

    def __init__(self, frames: Frames, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.probabilities: keras.Variable | None = None
        for name in ("images", "labels", "probabilities"):
            array = getattr(frames, name)
            if array is None:
                continue
            variable = self.add_weight(
                shape=array.shape,
                dtype="uint8",
                initializer="zeros",
                trainable=False,
                autocast=False,
                name=name,
            )
            variable.assign(array)
            setattr(self, name, variable)
        self.built = True

    def call(self, numbers: Tensor) -> tuple[Tensor, ...]:
        void = (numbers < 0)[:, None, None]
        numbers = ops.maximum(numbers, 0)
        labels = ops.take(self.labels, numbers, axis=0)
        labels = ops.where(void, ops.cast(VOID, "uint8"), labels)
        images = ops.take(self.images, numbers, axis=0)
        if self.probabilities is None:
            return images, labels
        return images, labels, ops.take(self.probabilities, numbers, axis=0)


class OnDevice:
    """Source of frames in the accelerator's memory."""

    def __init__(self, frames: Frames):
        self.dataset: Dataset = frames.dataset
        self.boxes: list[Box] = frames.boxes
        self.mixture: tuple[int, float] | None = frames.mixture
        self.taught: bool = frames.probabilities is not None
        self.layer: DeviceFrames = DeviceFrames(frames)

    def get(self, numbers: np.ndarray) -> np.ndarray:
        return numbers


class HostFrames(keras.layers.Layer):
    """Layer that returns its inputs: images, labels and optionally a teacher's probabilities."""

    def __init__(self):
        super().__init__(dtype="uint8", autocast=False)
        self.built = True

    def call(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(inputs)


class InMemory:
    """Source of frames in the host's memory."""

    def __init__(self, frames: Frames):
        self.frames: Frames = frames
        self.dataset: Dataset = frames.dataset
        self.mixture: tuple[int, float] | None = frames.mixture
        self.taught: bool = frames.probabilities is not None
        self.layer: HostFrames = HostFrames()

    def get(self, numbers: np.ndarray) -> tuple[np.ndarray, ...]:
        labels = self.frames.labels[numbers]
        labels[numbers < 0] = VOID
        if self.frames.probabilities is None:
            return self.frames.images[numbers], labels
        return self.frames.images[numbers], labels, self.frames.probabilities[numbers]


class FromFiles:
    """Source of frames that threads read from files for each step.

    Args:
        dataset: the frames.
        size: (height, width) to resize frames to.
        workers: number of threads. Defaults to the number of CPU cores.
    """

    mixture: tuple[int, float] | None = None
    taught = False

    def __init__(self, dataset: Dataset, size: tuple[int, int], workers: int | None = None):
        self.dataset: Dataset = dataset
        self.size: tuple[int, int] = size
        self.layer: HostFrames = HostFrames()
        self._pool = ThreadPoolExecutor(workers or os.cpu_count())

    def get(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        samples = [self.dataset.samples[number] for number in numbers]
        pairs = list(self._pool.map(lambda one: read_frame(self.dataset, one, self.size), samples))
        labels = np.stack([label for _, label in pairs])
        labels[numbers < 0] = VOID
        return np.stack([image for image, _ in pairs]), labels


def source_of(
    dataset: Dataset,
    size: tuple[int, int],
    keep: str | None = None,
    workers: int | None = None,
    others: Sequence[Source] = (),
) -> Source:
    """Return a source of a dataset's frames at a size.

    Args:
        dataset: the frames.
        size: (height, width) to resize frames to.
        keep: where frames are stored: `"device"`, `"memory"` or `"files"`. None for the first that
            has room: the accelerator up to 2 GiB, the host's memory up to half of it, else files.
        workers: number of threads that read. Defaults to the number of CPU cores.
        others: existing sources, whose frames count toward these limits.

    Raises:
        ValueError: another `keep`, or a frame that cannot be read.
    """
    if keep not in (None, *KEEPING):
        raise ValueError(f"Expected keep to be one of {', '.join(KEEPING)}. Received: {keep!r}")
    if keep is None:
        keep = _fitting(_bytes(dataset, size), others, size)
    if keep == "files":
        return FromFiles(dataset, size, workers)
    return kept(Frames(dataset, size, workers), keep)


def kept(frames: Frames, keep: str) -> OnDevice | InMemory:
    """Return a source in the accelerator's memory (`"device"`) or the host's (`"memory"`)."""
    return OnDevice(frames) if keep == "device" else InMemory(frames)


def _fitting(needed: int, others: Sequence[Source], size: tuple[int, int]) -> str:
    """Return the first value of `keep` that has room for `needed` bytes beside other sources."""

    def taken(kind: type) -> int:
        return sum(_bytes(one.dataset, size) for one in others if isinstance(one, kind))

    if needed + taken(OnDevice) <= DEVICE_BYTES:
        return "device"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "memory" if needed + taken(InMemory) <= MEMORY_SHARE * memory else "files"


def _bytes(dataset: Dataset, size: tuple[int, int]) -> int:
    """Return the bytes of a dataset's images and labels at a size."""
    return 4 * size[0] * size[1] * len(dataset.samples)


def endless(source: Source, order: Order | MixedOrder, first: int) -> Iterator[tuple[Any]]:
    """Yield batches for `fit` without end, prepared ahead in a thread.

    Args:
        source: the frames.
        order: order of the frames.
        first: number of the first step.
    """
    waiting: deque = deque()
    step = first
    with ThreadPoolExecutor(1) as pool:
        try:
            while True:
                while len(waiting) < AHEAD:
                    waiting.append(pool.submit(source.get, order.batch(step)))
                    step += 1
                yield (waiting.popleft().result(),)
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def reading(batches: Iterator) -> Iterator[Iterator]:
    """Yield an iterator over `batches` whose errors leave the block unchanged.

    Some backends wrap a ValueError or OSError of an iterator in another exception; at the end of
    the block the original is raised instead.
    """
    raised: list[Exception] = []

    def handed_on():
        try:
            yield from batches
        except (ValueError, OSError) as error:
            raised.append(error)
            raise

    try:
        yield handed_on()
    except Exception:
        if raised:
            raise raised[0] from None
        raise


def passes(source: Source, batch_size: int) -> Iterator[tuple[Any]]:
    """Yield all frames once in batches, last frame first, padded with void frames."""
    count = len(source.dataset.samples)
    total = -(-count // batch_size) * batch_size
    numbers = np.arange(total - 1, -1, -1, dtype=np.int32)
    numbers[numbers >= count] = -1
    for start in range(0, total, batch_size):
        yield (source.get(numbers[start : start + batch_size]),)


def class_shares(source: Source, size: tuple[int, int]) -> np.ndarray:
    """Return the share of each class among the pixels that are not void, float64 (classes,).

    Raises:
        ValueError: every pixel is void, or a frame cannot be read.
    """
    dataset = source.dataset
    counts = np.zeros(VOID + 1, np.int64)
    for one in _each_counts(source, size):
        counts += one
    counts = counts[: len(dataset.space.labels)]
    if not counts.sum():
        raise ValueError(
            f"Expected labels of {dataset.name} {dataset.split} that are not all void. "
            f"Received: void only"
        )
    return counts / counts.sum()


def tally_of(source: Source, size: tuple[int, int]) -> Tally:
    """Count the pixels of each class, frame by frame, until every class has occurred.

    Stops after 500 frames if only rare classes are missing. All frames are read if training may be
    refused (see `Tally.is_settled`), which takes as long as one pass.

    Raises:
        ValueError: a frame cannot be read.
    """
    tally = Tally(source.dataset)
    with contextlib.closing(_each_counts(source, size)) as counts:
        for sample, one in zip(source.dataset.samples, counts, strict=True):
            tally.add(sample, one)
            if tally.is_settled():
                break
    return tally


def _each_counts(source: Source, size: tuple[int, int]) -> Generator[np.ndarray, None, None]:
    """Yield the number of pixels of each id for each label, without padding."""
    if isinstance(source, InMemory):
        for box, label in zip(source.frames.boxes, source.frames.labels, strict=True):
            yield counts_of(box.cut(label))
    elif isinstance(source, OnDevice):
        labels = source.layer.labels.value
        for number in range(len(source.dataset.samples)):
            yield counts_of(source.boxes[number].cut(ops.convert_to_numpy(labels[number])))
    else:

        def count(sample):
            (_, label), box = read_placed(source.dataset, sample, size)
            return counts_of(box.cut(label))

        with contextlib.closing(in_threads(count, source.dataset.samples)) as each:
            yield from each


def is_kept(source: Source) -> bool:
    """Whether a source stores its frames in memory."""
    return isinstance(source, InMemory | OnDevice)
