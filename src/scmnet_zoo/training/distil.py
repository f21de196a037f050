"""A run that learns from what teachers see in frames, most of them without labels."""

import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from scmnet_zoo.catalogue.datasets import FRAMES
from scmnet_zoo.data import open_dataset
from scmnet_zoo.data.dataset import Dataset, joined
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.data.loader import Source, kept
from scmnet_zoo.data.unlabelled import unlabelled
from scmnet_zoo.loading import read_weights
from scmnet_zoo.models import factory_of
from scmnet_zoo.training.feature_distillation import check_features
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.recipes import shipped_recipe
from scmnet_zoo.training.run_folder import Identity, frames_hash
from scmnet_zoo.training.start import check_arguments, final_network, with_arguments_of
from scmnet_zoo.training.teachers import space_of, teacher_network
from scmnet_zoo.training.teaching import Teacher, teach
from scmnet_zoo.training.trainer import start_of, teacher_name, trained_in_folder
from scmnet_zoo.weights.checkpoint import Weights

logger: logging.Logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Frames with labels to learn from beside those without.

    Attributes:
        dataset: name of the dataset.
        data: its folder.
        splits: of it, those to learn from.
    """

    dataset: str
    data: str | os.PathLike[str]
    splits: tuple[str, ...] = ("train",)

    def open(self) -> list[Dataset]:
        """The splits, opened."""
        return [open_dataset(self.dataset, self.data, split) for split in self.splits]


def distil(
    network: str,
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    teachers: Sequence[Weights],
    recipe: Recipe | None = None,
    weights: Weights | None = None,
    seed: int = 0,
    keep: str = "memory",
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    teacher_weights: Sequence[float] = (),
    labelled: Labelled | None = None,
) -> keras.Model:
    """Train a network on a folder of images without labels, from what teachers see in them.

    The teachers see each frame once, before training, and their class probabilities are kept in
    the run's folder. The network learns the classes of the first teacher. Validation compares the
    network with the teachers on the images that are held out; see `scmnet_zoo.data.unlabelled`.

    Args:
        network: key of the network, e.g. `"scmnet"`.
        data: folder of the images.
        output: the folder of the run; one that was broken off goes on.
        teachers: files or keys of weights, e.g. `"efficientvit/cityscapes"`, one or more.
        recipe: what to do; None for the shipped one, `NETWORK_frames`.
        weights, seed, workers, progress: as for `scmnet_zoo.training.train`.
        keep: `"device"` keeps frames in the accelerator's memory, `"memory"` in the host's.
        teacher_weights: of the teachers' probabilities in their mean; all alike by default.
        labelled: frames with labels, which are mixed in by the recipe's `teaching.labelled`.

    Returns:
        The trained network, as `scmnet_zoo.training.train` does.

    Raises:
        ValueError: as `scmnet_zoo.training.train` does; no teachers, a teacher that does not know
            all classes, or as many weights as there are not teachers.
        OSError: the folder cannot be written to, or weights cannot be downloaded.
        KeyboardInterrupt: after Ctrl-C, with the state saved.

    Source: Hinton et al. 2015, arXiv 1503.02531, with the probabilities computed once.
    """
    factory_of(network)
    recipe = shipped_recipe(network, FRAMES) if recipe is None else recipe
    start = None if weights is None else read_weights(weights, network, recipe.arguments)
    recipe = with_arguments_of(recipe, network, start)
    check_arguments(network, recipe)
    _check(recipe, teachers, teacher_weights)
    read = [read_weights(one) for one in teachers]
    space = space_of(read[0])
    splits = {split: unlabelled(data, split, space) for split in ("train", "val")}
    others = [] if labelled is None else labelled.open()
    final = final_network(network, recipe, space.classes, start)
    check_features(final, recipe)
    shares = teacher_weights or [1.0] * len(teachers)
    told = [teacher_name(one) for one in read]
    frames = {split: frames_hash([part]) for split, part in splits.items()}
    identity = Identity(
        network=network,
        weights=start_of(start),
        teachers=[f"{name} x {share:g}" for name, share in zip(told, shares, strict=True)],
        dataset=FRAMES,
        train_splits=["train", *(f"{one.name} {one.split}" for one in others)],
        classes=list(space.classes),
        frames={**frames, **({"labelled": frames_hash(others)} if others else {})},
        seed=seed,
        recipe=recipe,
    )

    def sources(folder: Path) -> tuple[Source, Source]:
        asked = [
            Teacher(
                teacher_network(one, None, recipe.precision), space_of(one).classes, name, share
            )
            for one, name, share in zip(read, told, shares, strict=True)
        ]
        parts = {"train": [splits["train"], *others], "val": [splits["val"]]}
        found = {}
        for split, datasets in parts.items():
            seen = taught_frames(datasets, space, recipe, asked, folder / f"{split}.h5", workers)
            found[split] = kept(seen, keep)
        return found["train"], found["val"]

    return trained_in_folder(identity, output, final, sources, progress, start)


def taught_frames(
    datasets: Sequence[Dataset],
    space: LabelSpace,
    recipe: Recipe,
    teachers: Sequence[Teacher],
    file: Path,
    workers: int | None = None,
) -> Frames:
    """Frames, the first dataset's without labels, with what teachers see in them.

    Args:
        datasets: frames without labels, then any number of splits of a dataset with labels.
        space: the student's classes.
        recipe: its size, its settings of teaching, its precision.
        teachers: see `scmnet_zoo.training.teaching`.
        file: where what the teachers see is kept.
        workers: threads that read frames, by default one a core.
    """
    frames = Frames(
        dataclasses.replace(joined(datasets), space=datasets[-1].space), recipe.size, workers
    )
    logger.info("%d teacher(s) see %d frames", len(teachers), len(frames.images))
    teach(frames, teachers, space.classes, recipe.teaching, file, recipe.precision)
    frames.dataset = dataclasses.replace(frames.dataset, space=space)
    if len(datasets) > 1:
        frames.mixture = (len(datasets[0].samples), recipe.teaching.labelled)
    return frames


def _check(recipe: Recipe, teachers: Sequence, teacher_weights: Sequence[float]) -> None:
    """Raise a ValueError unless there are teachers, and what they see counts."""
    if not teachers:
        raise ValueError(
            f"Expected a teacher for the dataset {FRAMES}, e.g. efficientvit/cityscapes. "
            "Received: none"
        )
    if not recipe.loss.teachers:
        raise ValueError("Expected a recipe with loss.teachers above 0. Received: loss.teachers=0")
    if teacher_weights and len(teacher_weights) != len(teachers):
        raise ValueError(
            f"Expected a weight for each of {len(teachers)} teachers. "
            f"Received: {len(teacher_weights)}"
        )
