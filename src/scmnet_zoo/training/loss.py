"""Builds the loss of a recipe."""

from collections.abc import Sequence

import keras
import numpy as np

from scmnet_zoo import losses
from scmnet_zoo.training.recipe import LossSettings


def class_weights(shares: np.ndarray, kind: str) -> list[float] | None:
    """Class weights from the classes' shares of the pixels; see `LossSettings`."""
    if kind == "none":
        return None
    if kind == "log":
        return [float(weight) for weight in 1 / np.log(1.10 + shares)]
    median = np.median(shares[shares > 0])  # of the classes that occur
    return [float(weight) for weight in np.sqrt(median / np.maximum(shares, 1e-6))]


def loss_of(
    settings: LossSettings, weights: list[float] | None, auxiliary: Sequence[str] = ()
) -> keras.losses.Loss:
    """The loss of a recipe, of labels and logits.

    Args:
        settings: the recipe's loss settings.
        weights: class weights, or None for all 1.
        auxiliary: names of the network's auxiliary outputs.
    """
    smoothing, threshold = settings.label_smoothing, settings.ohem_threshold
    parts = {
        losses.CrossEntropy(weights, smoothing): settings.cross_entropy,
        losses.OhemCrossEntropy(threshold, class_weights=weights): settings.ohem,
        losses.Focal(settings.focal_gamma, weights): settings.focal,
        losses.Dice(): settings.dice,
        losses.LovaszSoftmax(): settings.lovasz,
    }
    used = {loss: weight for loss, weight in parts.items() if weight}
    whole = losses.WeightedSum(list(used), list(used.values()))
    if not auxiliary:
        return whole
    return losses.WithAuxiliary(whole, dict.fromkeys(auxiliary, settings.auxiliary))
