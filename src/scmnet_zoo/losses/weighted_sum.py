"""A weighted sum of losses of the same output."""

import keras

from scmnet_zoo.layers._register import register
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

    def __init__(self, losses, weights, *, name="weighted_sum"):
        super().__init__(name)
        losses, weights = list(losses), list(weights)
        if not losses or len(losses) != len(weights):
            raise ValueError(
                "Expected one loss or more, and a weight for each. "
                f"Received: {len(losses)} losses, weights={weights}"
            )
        self.losses = [checked_loss(loss, "losses") for loss in losses]
        self.weights = [checked_weight(weight, "weights") for weight in weights]

    def call(self, y_true, y_pred):
        return sum(
            weight * self._one_number(loss, loss(y_true, y_pred))
            for loss, weight in zip(self.losses, self.weights, strict=True)
        )

    def _one_number(self, loss, value):
        if tuple(value.shape) != ():
            raise ValueError(
                "Expected losses that give one number each. "
                f"Received: {loss.name} of shape {tuple(value.shape)}"
            )
        return value

    def get_config(self):
        return {
            **super().get_config(),
            "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses],
            "weights": self.weights,
        }

    @classmethod
    def from_config(cls, config):
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})
