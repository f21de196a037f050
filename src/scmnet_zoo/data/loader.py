"""Batches of frames for training: in which order, and from where.

Whatever keeps the frames, a step sees the same ones, so a run's result does not depend on it:

- `OnDevice`: decoded once, on the accelerator; a step needs only their numbers.
- `InMemory`: decoded once, in the host's memory; a step's frames are copied and sent.
- `FromFiles`: decoded by threads whenever they are needed.
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

KEEPING = ("device", "memory", "files")
DEVICE_BYTES = 2 << 30  # of frames that are put on the accelerator unasked
MEMORY_SHARE = 0.5  # of the host's memory that frames may take unasked
AHEAD = 3  # batches that are prepared while a step runs


class Order:
    """Which frames a step sees: a pass takes each once, in an order of its own.

    Frames that do not fill a batch are left out of a pass, other ones in each. Fewer frames than
    a batch holds are repeated.

    Args:
        count: number of frames.
        batch_size: of a step.
        seed: of the order.

    Attributes:
        steps: in a pass.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.steps = max(1, count // batch_size)
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
    """Which frames a step sees of two groups, each of which has a share of every batch.

    A pass takes each frame of the first group once.

    Args:
        counts: number of frames of each group; those of the second follow those of the first.
        share: of a batch that is of the second group, above 0 and below 1.
        batch_size: of a step, 2 or more.
        seed: of the order.

    Attributes:
        steps: in a pass.
    """

    def __init__(self, counts: tuple[int, int], share: float, batch_size: int, seed: int):
        second = min(batch_size - 1, max(1, round(share * batch_size)))
        self.count, self.batch_size, self.seed = sum(counts), batch_size, seed
        self._first = Order(counts[0], batch_size - second, seed)
        self._second = Order(counts[1], second, seed + 1)
        self._offset = counts[0]
        self.steps = self._first.steps

    def batch(self, step: int) -> np.ndarray:
        """The frame numbers of a step, counted from the first step of the run; int32."""
        second = self._second.batch(step) + np.int32(self._offset)
        return np.concatenate([self._first.batch(step), second])


def order_of(source: "Source", batch_size: int, seed: int) -> "Order | MixedOrder":
    """The order in which a run sees frames: a mixture where they are one."""
    count = len(source.dataset.samples)
    if source.mixture is None:
        return Order(count, batch_size, seed)
    first, share = source.mixture
    return MixedOrder((first, count - first), share, batch_size, seed)


class Source(Protocol):
    """Frames by number.

    Attributes:
        dataset: whose frames they are.
        layer: from what `get` gives, batched, to uint8 images (batch, height, width, 3), labels
            (batch, height, width) and, where a teacher has seen the frames, its probabilities
            (batch, rows, columns, classes).
        mixture: how many frames are of a first group, and the share of the others in a batch; None
            where all are alike.
        taught: whether there are a teacher's probabilities.
    """

    dataset: Dataset
    layer: keras.layers.Layer
    mixture: tuple[int, float] | None
    taught: bool

    def get(self, numbers: np.ndarray) -> Any:
        """What the layer takes for these frames; a number below 0 is a frame of void."""


class DeviceFrames(keras.layers.Layer):
    """Frames kept in the accelerator's memory, given out by number.

    A step then needs a few numbers from the host instead of megabytes of pixels, which copying
    and sending can take longer than the step itself. For datasets that fit: CamVid's 367 training
    frames at 960x720 take 1.0 GB.

    Input: int32 frame numbers (batch,); one below 0 stands for a frame whose pixels are all void.

    Output: uint8 images (batch, height, width, 3) and labels (batch, height, width); where a
    teacher has seen the frames, its probabilities too, (batch, rows, columns, classes).
    """

    def __init__(self, frames: Frames, **kwargs):
        super().__init__(**kwargs)
        self.probabilities = None
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

    def call(self, numbers):
        void = (numbers < 0)[:, None, None]
        numbers = ops.maximum(numbers, 0)
        labels = ops.take(self.labels, numbers, axis=0)
        labels = ops.where(void, ops.cast(VOID, "uint8"), labels)
        images = ops.take(self.images, numbers, axis=0)
        if self.probabilities is None:
            return images, labels
        return images, labels, ops.take(self.probabilities, numbers, axis=0)


class OnDevice:
    """Frames in the accelerator's memory."""

    def __init__(self, frames: Frames):
        self.dataset, self.boxes, self.mixture = frames.dataset, frames.boxes, frames.mixture
        self.taught = frames.probabilities is not None
        self.layer = DeviceFrames(frames)

    def get(self, numbers: np.ndarray) -> np.ndarray:
        return numbers


class HostFrames(keras.layers.Layer):
    """Passes on images, labels and, where there are some, a teacher's probabilities."""

    def __init__(self):
        super().__init__(dtype="uint8", autocast=False)
        self.built = True

    def call(self, inputs):
        return tuple(inputs)


class InMemory:
    """Frames in the host's memory."""

    def __init__(self, frames: Frames):
        self.frames, self.dataset, self.mixture = frames, frames.dataset, frames.mixture
        self.taught = frames.probabilities is not None
        self.layer = HostFrames()

    def get(self, numbers: np.ndarray) -> tuple[np.ndarray, ...]:
        labels = self.frames.labels[numbers]
        labels[numbers < 0] = VOID
        if self.frames.probabilities is None:
            return self.frames.images[numbers], labels
        return self.frames.images[numbers], labels, self.frames.probabilities[numbers]


class FromFiles:
    """Frames read from their files each time, in threads.

    Args:
        dataset: the frames.
        size: (height, width) they are brought to.
        workers: number of threads, by default one a core.
    """

    mixture: tuple[int, float] | None = None
    taught = False

    def __init__(self, dataset: Dataset, size: tuple[int, int], workers: int | None = None):
        self.dataset, self.size = dataset, size
        self.layer = HostFrames()
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
    """The frames of a dataset at a size, kept where asked.

    Args:
        dataset: the frames.
        size: (height, width) they are brought to.
        keep: `"device"`, `"memory"`, `"files"`, or None: on the accelerator up to 2 GiB, in the
            host's memory up to half of it, else in their files.
        workers: threads that read, by default one a core.
        others: frames that are kept already, for which there must be room too.

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
    """Frames in the accelerator's memory, `"device"`, or in the host's, `"memory"`."""
    return OnDevice(frames) if keep == "device" else InMemory(frames)


def _fitting(needed: int, others: Sequence[Source], size: tuple[int, int]) -> str:
    """Where so many bytes find room beside other frames of the same size."""

    def taken(kind: type) -> int:
        return sum(_bytes(one.dataset, size) for one in others if isinstance(one, kind))

    if needed + taken(OnDevice) <= DEVICE_BYTES:
        return "device"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "memory" if needed + taken(InMemory) <= MEMORY_SHARE * memory else "files"


def _bytes(dataset: Dataset, size: tuple[int, int]) -> int:
    """Of a dataset's images and labels at a size."""
    return 4 * size[0] * size[1] * len(dataset.samples)


def endless(source: Source, order: Order | MixedOrder, first: int) -> Iterator[tuple[Any]]:
    """Batches for `fit` from a step on, prepared ahead of their use.

    Args:
        source: the frames.
        order: which ones a step sees.
        first: the first step.
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
    """Hands batches on; what goes wrong in reading them leaves the block as it was raised.

    Some backends hide it in an error of their own.
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
    """All frames once, from the last to the first, filled up with void to whole batches."""
    count = len(source.dataset.samples)
    total = -(-count // batch_size) * batch_size
    numbers = np.arange(total - 1, -1, -1, dtype=np.int32)
    numbers[numbers >= count] = -1
    for start in range(0, total, batch_size):
        yield (source.get(numbers[start : start + batch_size]),)


def class_shares(source: Source, size: tuple[int, int]) -> np.ndarray:
    """The share of each class among the pixels that are not void, float64 (classes,).

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
    """The pixels of each class in as many frames, from the first, as it takes to see them all.

    Rare classes are looked for in 500 frames; all are read where training may be refused, which
    takes as long as reading the frames once.

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
    """The pixels of each id in each label, without padding; those of kept frames where they are."""
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
    """Whether the frames are at hand, not read anew in each pass."""
    return isinstance(source, InMemory | OnDevice)
