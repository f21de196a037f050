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

logger = logging.getLogger(__name__)

KEPT = 4  # predictors, each compiled for its sizes, that are kept


class NoFramesError(ValueError):
    """A protocol leaves no frame of a dataset."""


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

    The image is reduced to the protocol's size where it is larger, then brought to the network's
    input size, by averaging where that is lower, else bilinearly. An image of another aspect ratio
    keeps it, as in `Segmenter`: the network sees as many pixels. The probabilities are brought to
    the size of the comparison (averaged where it is smaller by a whole factor) and the largest
    wins. Where frames have instances and labels are compared at their own size, nIoU is measured
    too.

    Args:
        network: from images 0..255 to probabilities, or a dict with such under `"main"`.
        dataset: the frames.
        protocol: one of `PROTOCOLS`.
        input_size: (height, width) the network sees of images of that aspect ratio, in pixels;
            None for each image's own.
        places: for each class of the network its training id in the dataset, 255 where the
            dataset does not have it; None where the classes are the same. Classes of the dataset
            that are not among these are left out: their pixels are void.
        inference: scales, flip and windows; by default a single look.
        export: takes the predictions at the images' own sizes.
        progress: called with the frames done and those there are.
        squash: images of another aspect ratio are brought to `input_size` too, with a warning.

    Returns:
        The scores over all frames.

    Raises:
        ValueError: a frame cannot be read, sizes do not agree, no frame is left by the protocol,
            or 255 in the masks may be a class and fewer than two others occur.
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
    """Predictions of images, by predictors for the sizes there are."""

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
        """Masks of both sizes, which are the same one where the sizes are or only one is wanted."""
        wanted = sizes if both and sizes[0] != sizes[1] else sizes[:1]
        key = (seen, wanted)
        if key not in self.kept:
            if len(self.kept) == KEPT:
                del self.kept[next(iter(self.kept))]
            predictor = Predictor(self.network, self.inference, wanted, self.places)
            # TensorFlow's own convolutions are several times as fast on CPUs as XLA's.
            predictor.compile(jit_compile=keras.backend.backend() == "jax")
            self.kept[key] = predictor
        batch = [resize_image(image, s)[None] for s in self.inference.input_sizes(seen)]
        masks = self.kept[key].predict_on_batch(batch)
        return masks[0][0], masks[-1][0]


def _read_instances(path: Path, label: np.ndarray) -> np.ndarray:
    """The numbers of instances where the label is not void.

    Raises:
        ValueError: the file cannot be read, or has not the label's size.
    """
    numbers = np.asarray(open_image(path))
    if numbers.shape != label.shape or numbers.dtype.kind not in "ui":
        raise ValueError(
            f"{path}: expected whole numbers of the label's size, {label.shape}. "
            f"Received: {numbers.dtype} of shape {numbers.shape}"
        )
    return np.where(label == VOID, 0, numbers)
