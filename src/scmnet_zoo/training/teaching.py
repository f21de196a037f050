"""Teachers' predictions of frames before training: class probabilities and pseudo-labels."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.labels import VOID, match_classes, places_of
from scmnet_zoo.files import whole_file
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.training.recipe import TeachingSettings
from scmnet_zoo.training.start import dtype_policy

STRIDE = 4  # of the stored probabilities; EfficientViT's logits have stride 8
LEAST = 0.03  # probability of a group of classes below which its classes share it evenly


@dataclass(frozen=True)
class Teacher:
    """A trained network that a student learns from.

    Attributes:
        network: from images 0..255 to probabilities, or a dict with such under `"main"`.
        classes: names of its classes.
        name: identifies it in a run, e.g. the hash of its weights file.
        weight: weight of its probabilities in the mean over teachers.
    """

    network: keras.Model
    classes: tuple[str, ...]
    name: str
    weight: float = 1.0


class Teaching(keras.Model):
    """Weighted mean of teachers' probabilities, over scales and mirrored images.

    Input: uint8 images (batch, height, width, 3), sides a multiple of `STRIDE`.

    Output: the probabilities, uint8 (batch, height / 4, width / 4, classes) on the scale 0..255,
    and the most probable classes, uint8 (batch, height, width), 255 where the probability is
    below `settings.confidence`.

    Args:
        teachers: one or more. Classes are matched by name.
        classes: names of the student's classes.
        settings: scales, mirrored images, temperature, confidence.

    Raises:
        ValueError: no teachers, weights that are not above 0, or a class that a teacher does not
            know.
    """

    def __init__(
        self, teachers: Sequence[Teacher], classes: tuple[str, ...], settings: TeachingSettings
    ):
        super().__init__(name="teaching")
        if not teachers or any(not teacher.weight > 0 for teacher in teachers):
            weights = [teacher.weight for teacher in teachers]
            raise ValueError(f"Expected teachers of weights above 0. Received: weights={weights}")
        self.teachers: list[tuple[keras.Model, tuple[int, ...]]] = [
            (teacher.network, _places(teacher, classes)) for teacher in teachers
        ]
        total = sum(teacher.weight for teacher in teachers)
        self.shares: list[float] = [teacher.weight / total for teacher in teachers]
        self.settings = settings
        self.built = True

    def call(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = ops.cast(images, "float32")
        mean = 0.0
        looks = len(self.settings.scales) * (2 if self.settings.flip else 1)
        for (network, places), share in zip(self.teachers, self.shares, strict=True):
            for scale in self.settings.scales:
                mean = mean + self._look(network, places, images, scale, False) * share / looks
                if self.settings.flip:
                    mean = mean + self._look(network, places, images, scale, True) * share / looks
        if self.settings.temperature != 1:
            mean = ops.power(ops.maximum(mean, 1e-7), 1 / self.settings.temperature)
            mean = mean / ops.sum(mean, axis=-1, keepdims=True)
        sure = ops.max(mean, axis=-1) >= self.settings.confidence
        classes = ops.where(sure, ops.argmax(mean, axis=-1), VOID)
        small = ops.average_pool(mean, STRIDE, STRIDE, data_format="channels_last")
        return ops.cast(255 * small + 0.5, "uint8"), ops.cast(classes, "uint8")

    def _look(self, network, places, images, scale, mirrored):
        """A network's probabilities of the student's classes, (batch, height, width, classes)."""
        height, width = images.shape[1:3]
        seen = images
        if scale != 1:
            sides = (round(height * scale), round(width * scale))
            seen = ops.image.resize(images, sides, data_format="channels_last")
        if mirrored:
            seen = ops.flip(seen, axis=2)
        scores = network(seen, training=False)
        scores = scores["main"] if isinstance(scores, dict) else scores
        scores = ops.take(ops.cast(scores, "float32"), np.array(places), axis=-1)
        if mirrored:
            scores = ops.flip(scores, axis=2)
        if scale != 1:
            scores = ops.image.resize(scores, (height, width), data_format="channels_last")
        return scores


def _places(teacher: Teacher, classes: tuple[str, ...]) -> tuple[int, ...]:
    """The index of each of the student's classes among the teacher's."""
    places = match_classes(classes, teacher.classes)
    missing = [name for name, place in zip(classes, places, strict=True) if place is None]
    if missing:
        raise ValueError(
            f"Expected a teacher that knows the classes {', '.join(classes)}. "
            f"Received: {teacher.name}, which does not know {', '.join(missing)}"
        )
    return tuple(place for place in places if place is not None)


def teach(
    frames: Frames,
    teachers: Sequence[Teacher],
    classes: tuple[str, ...],
    settings: TeachingSettings,
    file: Path,
    precision: str = "float32",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Add teachers' probabilities to frames, and pseudo-labels where a label is void.

    A label that is a class of the student stays. Where a label comprises several of the student's
    classes, as CamVid's sign does, the teachers choose among them. Probabilities are restricted to
    the classes that a label allows.

    Args:
        frames: changed in place; labels become the student's classes.
        teachers: see `Teaching`.
        classes: names of the student's classes.
        settings: see `TeachingSettings`.
        file: stores the predictions. An existing file of the same frames, teachers and settings
            is read instead of predicting again.
        precision: dtype policy of the teachers.
        progress: called with the number of predicted frames and the total.

    Raises:
        ValueError: as `Teaching`, or a side of the frames is not a multiple of 4.
        OSError: the file cannot be written.
    """
    height, width = frames.images.shape[1:3]
    if height % STRIDE or width % STRIDE:
        raise ValueError(
            f"Expected frames whose sides are multiples of {STRIDE}. Received: {height}x{width}"
        )
    digest = _digest(frames, teachers, classes, settings)
    if not _is_of(file, digest):
        with dtype_policy(precision):
            model = Teaching(teachers, classes, settings)
        _ask(model, frames, len(classes), file, digest, progress)
    with h5py.File(file, "r") as stored:
        frames.probabilities = stored["probabilities"][()]
        seen = stored["classes"][()]
    groups = places_of(classes, frames.dataset.space.classes)
    for number, box in enumerate(frames.boxes):
        inside = np.zeros((height, width), bool)
        box.cut(inside)[...] = True
        label, told = frames.labels[number], frames.probabilities[number]
        if (label != VOID).any():
            frames.probabilities[number] = _shared_out(told, label, groups)
        allowed = np.array([*groups, VOID])[np.minimum(seen[number], len(groups))] == label
        chosen = np.where(allowed | (label == VOID), seen[number], _only(groups)[label])
        frames.labels[number] = np.where(inside, chosen, VOID)
        frames.probabilities[number][~inside[::STRIDE, ::STRIDE]] = 0


def _only(groups: Sequence[int]) -> np.ndarray:
    """Table from labels of the frames to the student's classes; void for those of several."""
    table = np.full(VOID + 1, VOID, np.uint8)
    for group in set(groups) - {VOID}:
        members = [place for place, own in enumerate(groups) if own == group]
        if len(members) == 1:
            table[group] = members[0]
    return table


def _shared_out(told: np.ndarray, label: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """Probabilities restricted by labels: each label's share goes to the classes it allows."""
    rows, columns = told.shape[:2]
    shares = told.astype(np.float32) / 255
    blocks = label.reshape(rows, STRIDE, columns, STRIDE)
    labelled = np.zeros((rows, columns, 1), np.float32)
    result = np.zeros_like(shares)
    for group in set(groups) - {VOID}:
        members = [place for place, own in enumerate(groups) if own == group]
        portion = (blocks == group).mean((1, 3), dtype=np.float32)[..., None]
        of_group = shares[..., members].sum(-1, keepdims=True)
        split = shares[..., members] / np.maximum(of_group, LEAST)
        result[..., members] += portion * np.where(of_group < LEAST, 1 / len(members), split)
        labelled += portion
    result += (1 - labelled) * shares
    return (255 * result + 0.5).astype(np.uint8)


def _ask(model, frames: Frames, count: int, file: Path, digest: str, progress) -> None:
    """Predict each frame and write the file, which appears once complete."""
    total, height, width = frames.labels.shape
    shape = (total, height // STRIDE, width // STRIDE, count)
    batch = max(1, min(total, 2**22 // (height * width)))
    with whole_file(file) as part, h5py.File(part, "w") as stored:
        stored.attrs["digest"] = digest
        probabilities = stored.create_dataset("probabilities", shape, np.uint8)
        classes = stored.create_dataset("classes", (total, height, width), np.uint8)
        for start in range(0, total, batch):
            images = frames.images[start : start + batch]
            lacking = batch - len(images)
            images = np.pad(images, ((0, lacking), (0, 0), (0, 0), (0, 0)))
            found = model.predict_on_batch(images)
            stop = min(start + batch, total)
            probabilities[start:stop] = found[0][: stop - start]
            classes[start:stop] = found[1][: stop - start]
            progress(stop, total)


def _digest(frames, teachers, classes, settings) -> str:
    """Hash of frames, teachers, classes and settings."""
    content = hashlib.sha256()
    for number in range(len(frames.images)):
        content.update(hashlib.sha256(frames.images[number]).digest())
    told = [[teacher.name, teacher.weight] for teacher in teachers]
    content.update(json.dumps([told, classes, asdict(settings)]).encode())
    return content.hexdigest()


def _is_of(file: Path, digest: str) -> bool:
    if not file.exists() or not h5py.is_hdf5(file):
        return False
    with h5py.File(file, "r") as stored:
        return stored.attrs.get("digest") == digest
