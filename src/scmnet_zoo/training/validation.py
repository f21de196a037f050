"""Validation during training, at the training size."""

from typing import Any

import keras
import numpy as np

from scmnet_zoo.data.loader import Source, passes, reading
from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.training.model import ValidationModel
from scmnet_zoo.training.recipe import Recipe


class Validation:
    """Evaluates a network on the frames of a split.

    Args:
        network: from images 0..255 to logits at the images' size.
        source: the frames, at the recipe's size.
        recipe: sets size and batch size; a batch has as many pixels as in training.
        loss: loss of labels and logits.

    Attributes:
        matrix: confusion matrix of the last call.
    """

    def __init__(
        self, network: keras.Model, source: Source, recipe: Recipe, loss: keras.losses.Loss
    ):
        self.source = source
        (height, width), (rows, columns) = recipe.size, recipe.augmentation.crop
        pixels = recipe.batch_size * rows * columns
        count = len(source.dataset.samples)
        self.batch_size: int = min(count, max(1, pixels // (height * width)))
        space = source.dataset.space
        self.model: ValidationModel = ValidationModel(
            source.layer, network, loss, space, self.batch_size, recipe.size
        )
        self.model.compile(jit_compile=keras.backend.backend() == "jax")
        self.matrix: ConfusionMatrix = ConfusionMatrix(len(space.labels))

    def __call__(self) -> dict[str, float]:
        """Loss (mean over batches), mIoU, category IoU, pixel accuracy and IoU per class."""
        steps = -(-len(self.source.dataset.samples) // self.batch_size)
        with reading(passes(self.source, self.batch_size)) as frames:
            logs: dict[str, Any] = self.model.evaluate(
                frames, steps=steps, verbose=0, return_dict=True
            )
        self.matrix = self.model.scores.confusion_matrix()
        return {f"val_{name}": float(value) for name, value in logs.items()}

    def shown(self) -> np.ndarray:
        """Predictions of the first frames in the last call, uint8 (frames, height, width)."""
        return keras.ops.convert_to_numpy(self.model.shown.value)[::-1]
