"""Teachers: trained networks whose probabilities a network learns from, beside the labels."""

import os
from collections.abc import Sequence

import keras
from keras import ops

from scmnet_zoo.data.labels import LABEL_SPACES, VOID, Label, LabelSpace, palette_for
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.loading import UNNAMED, load, read_weights
from scmnet_zoo.losses._pixel_loss import at_label, weighted_mean
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.training.start import dtype_policy
from scmnet_zoo.weights.checkpoint import Checkpoint, Weights
from scmnet_zoo.weights.registry import named_entry, weights_file


def teacher_network(
    weights: Weights, classes: tuple[str, ...] | None, precision: str = "float32"
) -> keras.Model:
    """The network that weights are of, for teaching.

    Args:
        weights: what `scmnet_zoo.load` takes, e.g. `"scmnet/camvid"`.
        classes: names of the classes in the student's order; the teacher's must be these. None for
            the teacher's own.
        precision: a Keras dtype policy.

    Raises:
        ValueError: weights that cannot be read, do not name their classes, or are of other classes.
        OSError: they cannot be downloaded.
    """
    checkpoint = read_teacher(weights, classes)
    with dtype_policy(precision):
        return load(checkpoint).model


def read_teacher(weights: Weights, classes: tuple[str, ...] | None) -> Checkpoint:
    """The weights of a teacher; those of the manifest are refused before they are downloaded.

    Raises:
        ValueError, OSError: as `teacher_network`.
    """
    if isinstance(weights, str | os.PathLike):
        entry = named_entry(None, weights_file(weights))
        if entry is not None:
            _check_classes(entry.classes, classes, entry.key)
    checkpoint = read_weights(weights)
    _check_classes(_classes(checkpoint), classes, checkpoint.title)
    return checkpoint


def _check_classes(given: tuple[str, ...], classes: tuple[str, ...] | None, title: str) -> None:
    if classes is not None and given != tuple(classes):
        raise ValueError(
            f"Expected a teacher of the classes {', '.join(classes)}, in this order. "
            f"Received: {title}, of {', '.join(given)}"
        )


def _classes(checkpoint: Checkpoint) -> tuple[str, ...]:
    if checkpoint.metadata is None:
        raise ValueError(UNNAMED.format(checkpoint.title))
    return checkpoint.metadata.classes


def space_of(weights: Weights) -> LabelSpace:
    """The classes of a teacher: those of a dataset, where they are the same, else by their names.

    Raises:
        ValueError: as `teacher_network`.
    """
    classes = _classes(read_weights(weights))
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
        self.networks: list[keras.Model] = list(networks)
        self.trainable = False  # theirs too, so only now
        self.weight = weight
        self.class_weights = class_weights
        self.built = True

    def call(self, images: Tensor) -> Tensor:
        scores = [ops.cast(one(images, training=False), "float32") for one in self.networks]
        return ops.stop_gradient(sum(scores) / len(scores))

    def loss(
        self, labels: Tensor, probabilities: Tensor, logits: Tensor | dict[str, Tensor]
    ) -> Tensor:
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
