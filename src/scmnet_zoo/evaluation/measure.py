"""Comparing a network's predictions with the labels of a dataset."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from scmnet_zoo.data import VOID, Dataset
from scmnet_zoo.data.frames import check_shapes
from scmnet_zoo.data.occurrence import Tally, check_measured, counts_of
from scmnet_zoo.data.ratio import has_ratio_of
from scmnet_zoo.evaluation.export import Export
from scmnet_zoo.evaluation.inference import Inference, Predictor
from scmnet_zoo.evaluation.protocol import Protocol, reduce_label, resize_image
from scmnet_zoo.evaluation.scores import Scores
from scmnet_zoo.image_files import open_image
from scmnet_zoo.metrics import ConfusionMatrix, InstanceHits
from scmnet_zoo.predict import network_size

logger: logging.Logger = logging.getLogger(__name__)

KEPT = 4  # number of compiled predictors in the cache


class NoFramesError(ValueError):
    """No frame of the dataset fits the protocol."""


def evaluate(
    network: keras.Model,
    dataset: Dataset,
    protocol: Protocol,
    input_size: tuple[int, int] | None = None,
    places: tuple[int, ...] | None = None,
    inference: Inference | None = None,
    export: Export | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    squash: bool = False,
) -> Scores:
    """Compare a network's predictions with the labels of a dataset.

    The image is resized to the protocol's size, then to the network's input size: by averaging
    down, bilinearly up. An image of another aspect ratio keeps it and about the number of pixels,
    as in `Segmenter`. The probabilities are resized to the size of the comparison (averaged for
    integer factors) before the argmax. If frames have instances and labels are compared at their
    own size, nIoU is measured too.

    Args:
        network: from images 0..255 to probabilities, or a dict with such under `"main"`.
        dataset: the frames.
        protocol: one of `PROTOCOLS`.
        input_size: (height, width) of the network's input for images of that aspect ratio, in
            pixels; None for each image's size.
        places: training id in the dataset of each class of the network, 255 if the dataset does
            not have the class; None if the classes are the same. Pixels of other classes of the
            dataset are treated as void.
        inference: test-time augmentation; none by default.
        export: receives the predictions at the images' sizes.
        progress: called with the number of frames done and the total.
        squash: resize images of another aspect ratio to `input_size` too, with a warning.

    Returns:
        The scores over all frames.

    Raises:
        ValueError: a frame cannot be read, sizes do not agree, no frame fits the protocol, or 255
            in the masks may be a class and fewer than two others occur.
    """
    space = dataset.space
    count = len(space.labels)
    matrix, instances = ConfusionMatrix(count), None
    if protocol.size is None and any(sample.instances for sample in dataset.samples):
        instances = InstanceHits(space)
    tally = Tally(dataset)
    left_out = () if places is None else tuple(sorted(set(range(count)) - set(places)))
    predict = _Predict(network, inference or Inference(), places)
    seen_sizes: Counter[tuple[int, int]] = Counter()
    squashed: list[str] = []
    for done, sample in enumerate(dataset.samples, start=1):
        image, label = dataset.read(sample)
        check_shapes(sample, image, label)
        size = protocol.size
        if size is None or not protocol.full_size_only or image.shape[0] >= size[0]:
            reduced = image if size is None else resize_image(image, size)
            wanted = label.shape if size is None else size
            height, width = reduced.shape[:2]
            seen = input_size or (height, width)
            if not has_ratio_of((height, width), seen):
                if squash:
                    squashed.append(str(sample.image))
                else:
                    seen = network_size(height, width, seen)
            seen_sizes[seen] += 1
            prediction, own = predict(reduced, seen, (wanted, image.shape[:2]), export is not None)
            if export is not None:
                export.add(sample, own)
            label = reduce_label(label, size)
            tally.add(sample, counts_of(label))
            if left_out:
                label = np.where(np.isin(label, left_out), VOID, label)
            matrix.update(label, prediction)
            if instances is not None and sample.instances is not None:
                numbers = _read_instances(sample.instances, label)
                instances.update(numbers, prediction)
        progress(done, len(dataset.samples))
    used = seen_sizes.total()
    if not used:
        raise NoFramesError(
            f"Expected frames of {protocol.size} in {dataset.split}. Received: none"
        )
    names = tuple(space.classes[place] for place in left_out)
    warnings = check_measured(tally, left_out)
    if squashed and input_size is not None:
        warnings += (
            f"{len(squashed)} of {used} images are of another aspect ratio than "
            f"{input_size[0]}x{input_size[1]} and are squashed to it, such as {squashed[0]}; "
            "without --size they keep it",
        )
    for warning in warnings:
        logger.warning("%s", warning)
    counted = dict(seen_sizes.most_common())
    return Scores(space, matrix, instances, names, used, warnings, counted)


class _Predict:
    """Predicts images with a cache of predictors compiled per size."""

    def __init__(self, network: keras.Model, inference: Inference, places: tuple[int, ...] | None):
        self.network, self.inference, self.places = network, inference, places
        self.kept: dict[tuple, Predictor] = {}

    def __call__(
        self,
        image: np.ndarray,
        seen: tuple[int, int],
        sizes: tuple[tuple[int, int], tuple[int, int]],
        both: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The masks of both sizes; the same one twice if the sizes are equal or not `both`."""
        wanted = sizes if both and sizes[0] != sizes[1] else sizes[:1]
        key = (seen, wanted)
        if key not in self.kept:
            if len(self.kept) == KEPT:
                del self.kept[next(iter(self.kept))]
            predictor = Predictor(self.network, self.inference, wanted, self.places)
            # On CPUs TensorFlow's convolutions are several times as fast as XLA's.
            predictor.compile(jit_compile=keras.backend.backend() == "jax")
            self.kept[key] = predictor
        batch = [resize_image(image, s)[None] for s in self.inference.input_sizes(seen)]
        masks = self.kept[key].predict_on_batch(batch)
        return masks[0][0], masks[-1][0]


def _read_instances(path: Path, label: np.ndarray) -> np.ndarray:
    """Ids of instances, 0 where the label is void.

    Raises:
        ValueError: the file cannot be read or does not have the label's size.
    """
    numbers = np.asarray(open_image(path))
    if numbers.shape != label.shape or numbers.dtype.kind not in "ui":
        raise ValueError(
            f"{path}: expected whole numbers of the label's size, {label.shape}. "
            f"Received: {numbers.dtype} of shape {numbers.shape}"
        )
    return np.where(label == VOID, 0, numbers)
