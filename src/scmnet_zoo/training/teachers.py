"""Teachers: trained networks whose probabilities a network learns from, beside the labels."""

import os
from collections.abc import Sequence

import keras
from keras import ops

from scmnet_zoo.data.labels import LABEL_SPACES, VOID, Label, LabelSpace, palette_for
from scmnet_zoo.importers import import_checkpoint
from scmnet_zoo.losses._pixel_loss import at_label, weighted_mean
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.models import factory_of
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.start import dtype_policy, normalisation_of
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.checkpoint import (
    Checkpoint,
    load_checkpoint,
    read_checkpoint,
    read_metadata,
)
from scmnet_zoo.weights.metadata import Metadata
from scmnet_zoo.weights.registry import metadata_of, named_checkpoint, weights_file


def teacher_checkpoint(weights: str | os.PathLike) -> Checkpoint:
    """The tensors and metadata that weights of a teacher hold.

    Args:
        weights: a `.safetensors` file written by the zoo, the folder of a run, a file that
            `scmnet-zoo weights import` reads (of Cityscapes' 19 classes), or a key that
            `scmnet-zoo weights list` shows, e.g. `"scmnet/camvid"`.

    Raises:
        ValueError: weights that cannot be read or do not say what they are.
        OSError: they cannot be downloaded.
    """
    text = weights_file(weights)
    if text.endswith(".safetensors"):
        return read_checkpoint(text, read_metadata(text).network)
    if os.path.isfile(text):
        return import_checkpoint(text)
    return named_checkpoint(manifest.find_key(text))


def teacher_metadata(weights: str | os.PathLike) -> Metadata:
    """What weights of a teacher say of themselves; nothing is downloaded for it.

    Raises:
        ValueError: as `teacher_checkpoint`.
    """
    text = weights_file(weights)
    if text.endswith(".safetensors"):
        return read_metadata(text)
    if not os.path.isfile(text):
        return metadata_of(manifest.find_key(text))
    metadata = import_checkpoint(text).metadata
    assert metadata is not None  # of an import
    return metadata


def teacher_network(
    weights: str | os.PathLike, classes: tuple[str, ...] | None, precision: str = "float32"
) -> keras.Model:
    """The network that weights are of, for teaching.

    Args:
        weights: see `teacher_checkpoint`.
        classes: names of the classes in the student's order; the teacher's must be these. None for
            the teacher's own.
        precision: a Keras dtype policy.

    Raises:
        ValueError: weights that cannot be read, do not say what they are, or are of other classes.
        OSError: they cannot be downloaded.
    """
    metadata = teacher_metadata(weights)
    if classes is not None and metadata.classes != tuple(classes):
        raise ValueError(
            f"Expected a teacher of the classes {', '.join(classes)}, in this order. "
            f"Received: {os.fspath(weights)}, of {', '.join(metadata.classes)}"
        )
    checkpoint = teacher_checkpoint(weights)
    with dtype_policy(precision):
        factory, count = factory_of(metadata.network), len(metadata.classes)
        network = factory(num_classes=count, **metadata.arguments)
        if normalisation_of(network) != metadata.normalisation:
            raise ValueError(
                f"Expected a teacher normalised as {metadata.network} is by default. "
                f"Received: {os.fspath(weights)}, with {metadata.normalisation}"
            )
        load_checkpoint(network, checkpoint, lambda _: network)
    return network


def space_of(weights: str | os.PathLike) -> LabelSpace:
    """The classes of a teacher: those of a dataset, where they are the same, else by their names.

    Raises:
        ValueError: as `teacher_checkpoint`.
    """
    classes = teacher_metadata(weights).classes
    for space in LABEL_SPACES.values():
        if space.classes == classes:
            return space
    colours = palette_for(classes)
    labels = (Label(name, colour, name) for name, colour in zip(classes, colours, strict=True))
    return LabelSpace("teacher", tuple(labels))


def check_teachers(recipe: Recipe, count: int) -> None:
    """That there are teachers where a recipe weighs what they say, and only there.

    Raises:
        ValueError: otherwise.
    """
    if (recipe.loss.teachers > 0) != (count > 0):
        raise ValueError(
            "Expected teachers where the recipe's loss.teachers is above 0, and only there. "
            f"Received: {count} teachers, loss.teachers={recipe.loss.teachers}"
        )


class Teachers(keras.layers.Layer):
    """The mean of several networks' probabilities; nothing in it learns.

    Input: images 0..255 (batch, height, width, 3), as the student sees them.

    Output: float32 probabilities (batch, height, width, classes).

    Args:
        networks: from such images to probabilities at their size; they become untrainable.
        weight: of `loss` beside the recipe's own.
        class_weights: a number for each class, or None for all 1.

    Source: Hinton et al. 2015, arXiv 1503.02531, section 2, at temperature 1, pixel by pixel.
    """

    def __init__(
        self,
        networks: Sequence[keras.Model],
        weight: float,
        class_weights: Sequence[float] | None = None,
    ):
        super().__init__(dtype="float32", autocast=False, name="teachers")
        self.networks = list(networks)
        self.trainable = False  # theirs too, so only now
        self.weight = weight
        self.class_weights = class_weights
        self.built = True

    def call(self, images):
        scores = [ops.cast(one(images, training=False), "float32") for one in self.networks]
        return ops.stop_gradient(sum(scores) / len(scores))

    def loss(self, labels, probabilities, logits):
        """The weighted cross-entropy of the student's probabilities to the teachers'.

        The mean over the pixels that are not void, weighted by the class of their label.

        Args:
            labels: (batch, height, width), int32.
            probabilities: the teachers', (batch, height, width, classes).
            logits: the student's, of the same shape, or a dict whose `"main"` they are.
        """
        scores = logits[MAIN] if isinstance(logits, dict) else logits
        values = ops.log_softmax(ops.cast(scores, "float32"), axis=-1)
        valid = labels != VOID
        losses = ops.where(valid, -ops.sum(probabilities * values, axis=-1), 0.0)
        weights = ops.cast(valid, "float32")
        if self.class_weights is not None:
            target = labels[..., None] == ops.arange(scores.shape[-1], dtype="int32")
            weights = at_label(ops.array(self.class_weights, dtype="float32"), target)
        return self.weight * weighted_mean(losses, weights)
