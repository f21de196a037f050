"""A weighted sum of losses of the same output."""

from collections.abc import Iterable
from typing import Any

import keras

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import BatchLoss, checked_loss, checked_weight


@register
class WeightedSum(BatchLoss):
    """The weighted sum of losses of the same labels and scores.

    Args:
        losses: `keras.losses.Loss` instances that return one number each, all for logits or all
            for probabilities.
        weights: one weight per loss.
        name: name of the loss.

    Shapes: those of the losses.

    Raises:
        ValueError: there are no losses, the numbers of losses and weights differ, a weight is
            negative or not finite, or an item is not a loss; when called, a loss returns more than
            one number, or there are sample weights.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> logits = keras.ops.zeros((1, 1, 2, 2))
    >>> loss = WeightedSum([CrossEntropy(), Dice()], [1.0, 0.5])
    >>> round(float(loss(labels, logits)), 4)  # log(2) + 0.5 / 3
    0.8598
    """

    def __init__(
        self,
        losses: Iterable[keras.losses.Loss],
        weights: Iterable[float],
        *,
        name: str = "weighted_sum",
    ) -> None:
        super().__init__(name)
        losses, weights = list(losses), list(weights)
        if not losses or len(losses) != len(weights):
            raise ValueError(
                "Expected one loss or more, and a weight for each. "
                f"Received: {len(losses)} losses, weights={weights}"
            )
        self.losses: list[keras.losses.Loss] = [checked_loss(loss, "losses") for loss in losses]
        self.weights: list[float] = [checked_weight(weight, "weights") for weight in weights]

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sum(
            weight * self._one_number(loss, loss(y_true, y_pred))
            for loss, weight in zip(self.losses, self.weights, strict=True)
        )

    def _one_number(self, loss: keras.losses.Loss, value: Tensor) -> Tensor:
        if tuple(value.shape) != ():
            raise ValueError(
                "Expected losses that give one number each. "
                f"Received: {loss.name} of shape {tuple(value.shape)}"
            )
        return value

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses],
            "weights": self.weights,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightedSum":
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})
