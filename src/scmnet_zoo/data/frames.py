"""Read frames resized to one size: single frames, or a whole dataset into memory.

Frames keep their aspect ratio and are padded; see `scmnet_zoo.data.ratio`.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from scmnet_zoo.data._threads import in_threads
from scmnet_zoo.data.dataset import Dataset, FileReader, Pair, Sample, turned_in_words
from scmnet_zoo.data.ratio import Box, Size, fit_image, fit_label, place
from scmnet_zoo.image_files import upright_size


class Frames:
    """All frames of a dataset in memory, resized to one size.

    Pillow reads and resizes in threads; it releases the GIL while it decodes. Images are resized
    bilinearly, labels by nearest neighbour.

    Args:
        dataset: the frames to read.
        size: (height, width) in pixels.
        workers: number of threads. Defaults to the number of CPU cores.

    Attributes:
        images: uint8 (frames, height, width, 3).
        labels: uint8 (frames, height, width), training ids and 255.
        boxes: box of each frame without its padding.
        probabilities: a teacher's probabilities, uint8 (frames, rows, columns, classes) on the
            scale 0..255, at a fraction of the images' sides. None without a teacher.
        mixture: (number of frames in the first group, share of the second group in a batch). None
            if all frames form one group.

    Raises:
        ValueError: a file cannot be read or has unknown ids.
    """

    probabilities: np.ndarray | None = None
    mixture: tuple[int, float] | None = None

    def __init__(self, dataset: Dataset, size: tuple[int, int], workers: int | None = None):
        self.dataset = dataset
        height, width = size
        count = len(dataset.samples)
        self.images: np.ndarray = np.empty((count, height, width, 3), np.uint8)
        self.labels: np.ndarray = np.empty((count, height, width), np.uint8)
        self.boxes: list[Box] = [Box(0, 0, height, width)] * count

        def fill(item: tuple[int, Sample]) -> None:
            index, sample = item
            pair, self.boxes[index] = read_placed(dataset, sample, size)
            self.images[index], self.labels[index] = pair

        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            list(pool.map(fill, enumerate(dataset.samples)))


def frame_sizes(dataset: Dataset) -> list[Size | None]:
    """Return (height, width) of each upright image, from the headers of the files.

    None for a file whose header cannot be read, and for frames that are not read from files.
    """
    read = dataset.read
    if isinstance(read, FileReader):
        return list(in_threads(lambda sample: upright_size(sample.image), dataset.samples))
    if hasattr(read, "frame_sizes"):  # the reader of a pack
        return read.frame_sizes(dataset.samples)
    return [None] * len(dataset.samples)


def same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes (height, width) have one aspect ratio, up to rounding to whole pixels."""
    difference = abs(size[0] * other[1] - size[1] * other[0])
    return difference < min(max(size[0], other[0]), max(size[1], other[1]))


def check_shapes(sample: Sample, image: np.ndarray, label: np.ndarray) -> None:
    """Raise a ValueError unless an image and its label have one aspect ratio."""
    if not same_aspect(image.shape[:2], label.shape):
        (height, width), (label_height, label_width) = image.shape[:2], label.shape
        raise ValueError(
            f"{sample.label}: expected a label of its image's shape, {height}x{width} or the same "
            f"enlarged or reduced. Received: {label_height}x{label_width}"
            f"{turned_in_words(sample)}"
        )


def read_frame(dataset: Dataset, sample: Sample, size: tuple[int, int]) -> Pair:
    """Read a frame resized to a size: the image bilinearly, the label by nearest neighbour.

    Both keep the image's aspect ratio. If `size` has another, the image is padded with its edge
    pixels and the label with void.

    Raises:
        ValueError: a file cannot be read or has unknown ids, or image and label differ in aspect
            ratio.
    """
    return read_placed(dataset, sample, size)[0]


def read_placed(dataset: Dataset, sample: Sample, size: Size) -> tuple[Pair, Box]:
    """Read a frame as `read_frame` does, and return the frame's box within the padding too.

    Raises:
        ValueError: as `read_frame`.
    """
    image, label = dataset.read(sample)
    check_shapes(sample, image, label)
    frame = image.shape[0], image.shape[1]
    pair = fit_image(image, size, _bilinear), fit_label(label, frame, size, _nearest)
    return pair, place(frame, size)


def _bilinear(image: np.ndarray, size: Size) -> np.ndarray:
    return _resized(image, size, Image.Resampling.BILINEAR)


def _nearest(label: np.ndarray, size: Size) -> np.ndarray:
    return _resized(label, size, Image.Resampling.NEAREST)


def _resized(array: np.ndarray, size: Size, resampling: Image.Resampling) -> np.ndarray:
    if array.shape[:2] == tuple(size):
        return array
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), resampling))
