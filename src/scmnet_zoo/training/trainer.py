"""A training run: a network, a dataset, a recipe, and a folder for what comes out."""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from scmnet_zoo.data import open_dataset, reader_of
from scmnet_zoo.data.dataset import Dataset, joined
from scmnet_zoo.data.frames import frame_sizes
from scmnet_zoo.data.loader import Source, source_of, tally_of
from scmnet_zoo.data.occurrence import check_learned
from scmnet_zoo.data.ratio import has_ratio_of, in_words, other_ratios, padding_in_words
from scmnet_zoo.loading import read_weights
from scmnet_zoo.models import factory_of
from scmnet_zoo.training.feature_distillation import check_features
from scmnet_zoo.training.loop import fit
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.recipes import shipped_recipe
from scmnet_zoo.training.results import Results
from scmnet_zoo.training.run_folder import LAST, Identity, RunFolder, frames_hash
from scmnet_zoo.training.start import (
    check_arguments,
    final_network,
    trained_metadata,
    training_network,
    with_arguments_of,
)
from scmnet_zoo.training.teachers import check_teachers, read_teacher, teacher_network
from scmnet_zoo.weights.checkpoint import (
    Checkpoint,
    Weights,
    load_checkpoint,
    read_checkpoint,
)

logger: logging.Logger = logging.getLogger(__name__)


def train(
    network: str,
    dataset: str,
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    recipe: Recipe | None = None,
    weights: Weights | None = None,
    seed: int = 0,
    keep: str | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    train_splits: Sequence[str] = ("train",),
    teachers: Sequence[Weights] = (),
) -> keras.Model:
    """Train a network on a dataset's train split, validating on its val split.

    A run that was broken off goes on from its last saved state when it is started again with the
    same arguments, and ends with the result of an undisturbed one on the same backend and machine.

    Args:
        network: key of the network, e.g. `"scmnet"`.
        dataset: name of the dataset, e.g. `"camvid"`.
        data: its folder, or a file that `scmnet-zoo data pack` wrote.
        output: the folder of the run; see `scmnet_zoo.training.run_folder`.
        recipe: what to do; None for the shipped one.
        weights: what to start from: None for random ones, or what `scmnet_zoo.load` takes. The
            classifier keeps the rows of classes with the same name.
        seed: of the initial weights, the order of frames and the augmentation.
        keep: where frames are kept, see `scmnet_zoo.data.loader.source_of`; the result does not
            depend on it.
        workers: threads that read frames, by default one a core.
        progress: called with the steps begun and those there are.
        train_splits: what it learns from. With val among them validation says nothing.
        teachers: weights of networks for the same classes, e.g. `"scmnet/camvid"`, as
            `scmnet_zoo.load` takes them. Their mean is learned from besides, by the recipe's
            `loss.teachers`.

    Returns:
        The trained network, with float32 weights, giving probabilities; those of the last epoch.

    Raises:
        ValueError: an unknown network or dataset, arguments that the network does not take,
            weights that do not fit, data that cannot be read, training labels of fewer than two
            classes, a folder of another run or of one that is going on, or a loss that is not
            finite.
        OSError: the folder cannot be written to.
        KeyboardInterrupt: after Ctrl-C, with the state saved.
    """
    factory_of(network)
    reader_of(dataset)
    recipe = shipped_recipe(network, dataset) if recipe is None else recipe
    start = None if weights is None else read_weights(weights, network, recipe.arguments)
    recipe = with_arguments_of(recipe, network, start)
    check_arguments(network, recipe)
    check_teachers(recipe, len(teachers))
    if not train_splits or len(set(train_splits)) < len(train_splits):
        raise ValueError(f"Expected splits, each once. Received: train_splits={train_splits!r}")
    learned = [open_dataset(dataset, data, split) for split in train_splits]
    splits = {"train": joined(learned), "val": open_dataset(dataset, data, "val")}
    if "val" in train_splits:
        logger.warning("validation is on frames that it learns from, so its scores say nothing")
    classes = splits["train"].space.classes
    final = final_network(network, recipe, classes, start)
    check_features(final, recipe)
    read = [read_teacher(one, classes) for one in teachers]
    taught = [teacher_network(one, classes, recipe.precision) for one in read]
    identity = Identity(
        network=network,
        weights=start_of(start),
        teachers=[teacher_name(one) for one in read],
        dataset=splits["train"].name,
        train_splits=list(train_splits),
        classes=list(classes),
        frames={
            split: frames_hash(parts, _warn_of_padding(parts, recipe.size))
            for split, parts in (("train", learned), ("val", [splits["val"]]))
        },
        seed=seed,
        recipe=recipe,
    )

    def sources(folder: Path) -> tuple[Source, Source]:
        source = source_of(splits["train"], recipe.size, keep, workers)
        return source, source_of(splits["val"], recipe.size, keep, workers, others=[source])

    return trained_in_folder(identity, output, final, sources, progress, start, taught)


def trained_in_folder(
    identity: Identity,
    output: str | os.PathLike[str],
    final: keras.Model,
    sources: Callable[[Path], tuple[Source, Source]],
    progress: Callable[[int, int], None],
    weights: Weights | None,
    teachers: Sequence[keras.Model] = (),
) -> keras.Model:
    """Do what is left of a run, and give the final network its result.

    Args:
        identity: of the run.
        output: its folder.
        final: as `final_network` makes it.
        sources: gives the frames to learn from and those to measure on, at the recipe's size; it
            is called with the folder if something is left to do.
        progress, weights, teachers: as for `train`; the teachers are networks.

    Returns:
        `final`.
    """
    network, recipe, seed = identity.network, identity.recipe, identity.seed
    with contextlib.closing(RunFolder(output, identity)) as folder:
        if folder.standing().epoch < recipe.epochs:
            source, val = sources(folder.path)
            check_learned(tally_of(source, recipe.size), tally_of(val, recipe.size))
            keras.utils.set_random_seed(seed)
            space = source.dataset.space
            model = training_network(network, recipe, space.classes, weights)
            results = Results(folder, model, final, trained_metadata(network, recipe, space, final))
            counts = [len(frames.dataset.samples) for frames in (source, val)]
            logger.info(
                "%s on %s: %d frames, %d for validation, %d epochs into %s",
                *(network, identity.dataset, *counts, recipe.epochs, folder.path),
            )
            fit(model, source, recipe, seed, val, results, progress, teachers)
        logger.info("the run in %s is complete", folder.path)
        trained = read_checkpoint(folder.path / LAST, network)
    load_checkpoint(final, trained, lambda classes: final)
    return final


def _warn_of_padding(parts: Sequence[Dataset], size: tuple[int, int]) -> bool:
    """Whether images of splits are of another aspect ratio than a size, of which warnings tell."""
    found = False
    for part in parts:
        sizes = frame_sizes(part)
        for group in other_ratios(sizes, size)[:1]:
            found, frame = True, sizes[group[0]] or size
            count = sum(one is not None and not has_ratio_of(one, size) for one in sizes)
            logger.warning(
                "%d of %d images of %s are of another aspect ratio, such as %s of %s: %s",
                *(count, len(sizes), part.split, part.samples[group[0]].image),
                *(in_words(frame), padding_in_words(frame, size)),
            )
    return found


def start_of(weights: Checkpoint | None) -> str | None:
    """What tells one start from another: the name of weights, or the SHA-256 of their file."""
    return None if weights is None else weights.name or _digits(weights)


def teacher_name(weights: Checkpoint) -> str:
    """What tells one teacher from another: the key of weights, or the SHA-256 of their file."""
    return f"{weights.network}/{weights.name}" if weights.name else _digits(weights)


def _digits(weights: Checkpoint) -> str:
    return weights.hash.partition(":")[2]
