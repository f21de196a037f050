"""A dataset decoded into memory at one size, and its frames on the accelerator."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops
from PIL import Image

from scmnet_zoo.data.dataset import Dataset, Sample
from scmnet_zoo.data.labels import VOID


class Frames:
    """All frames of a dataset in memory, brought to one size.

    Pillow does the reading and resizing, in threads: it releases the interpreter lock while it
    decodes. Images are resized bilinearly, labels by nearest neighbour.

    Args:
        dataset: the frames to read.
        size: (height, width) in pixels.

    Attributes:
        images: uint8 (frames, height, width, 3).
        labels: uint8 (frames, height, width), training ids and 255.

    Raises:
        ValueError: a file cannot be read or holds unknown ids.
    """

    def __init__(self, dataset: Dataset, size: tuple[int, int]):
        self.dataset = dataset
        height, width = size
        count = len(dataset.samples)
        self.images = np.empty((count, height, width, 3), np.uint8)
        self.labels = np.empty((count, height, width), np.uint8)

        def fill(item: tuple[int, Sample]) -> None:
            index, sample = item
            image, label = dataset.read(sample)
            self.images[index] = _resized(image, size, Image.Resampling.BILINEAR)
            self.labels[index] = _resized(label, size, Image.Resampling.NEAREST)

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, enumerate(dataset.samples)))

    def class_shares(self) -> np.ndarray:
        """The share of each class among the pixels that are not void, float64 (classes,)."""
        counts = np.bincount(self.labels.ravel(), minlength=VOID + 1)
        counts = counts[: len(self.dataset.space.labels)]
        return counts / counts.sum()

    def order(self, batch_size: int, seed: int) -> Iterator[np.ndarray]:
        """Endless batches of frame numbers, int32; every frame once before any comes again."""
        rng = np.random.default_rng(seed)
        queue = np.empty(0, np.int32)
        while True:
            while len(queue) < batch_size:
                fresh = rng.permutation(len(self.images)).astype(np.int32)
                queue = np.concatenate([queue, fresh])
            chosen, queue = queue[:batch_size], queue[batch_size:]
            yield chosen


class DeviceFrames(keras.layers.Layer):
    """Frames kept in the accelerator's memory, given out by number.

    A step then needs a few numbers from the host instead of megabytes of pixels, which copying
    and sending can take longer than the step itself. For datasets that fit: CamVid's 367 training
    frames at 960x720 take 1.0 GB.

    Input: int32 frame numbers (batch,).

    Output: uint8 images (batch, height, width, 3) and labels (batch, height, width).
    """

    def __init__(self, frames: Frames, **kwargs):
        super().__init__(**kwargs)
        for name in ("images", "labels"):
            array = getattr(frames, name)
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

    def call(self, numbers):
        return ops.take(self.images, numbers, axis=0), ops.take(self.labels, numbers, axis=0)


def _resized(array: np.ndarray, size: tuple[int, int], resampling: Image.Resampling) -> np.ndarray:
    if array.shape[:2] == tuple(size):
        return array
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), resampling))
