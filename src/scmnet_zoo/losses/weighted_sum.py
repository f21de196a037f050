"""Several losses of the same output."""

import keras

from scmnet_zoo.layers._register import register
from scmnet_zoo.losses._batch_loss import BatchLoss, checked_loss, checked_weight


@register
class WeightedSum(BatchLoss):
    """The sum of losses of the same labels and scores, each multiplied by its weight.

    Args:
        losses: `keras.losses.Loss` instances that give one number each; all must read the same
            kind of scores, logits or probabilities.
        weights: one number for each loss.
        name: name of the loss.

    Shapes: those of the losses.

    Raises:
        ValueError: no losses, not as many weights as losses, a weight that is negative or not
            finite, something that is not a loss; when called, a loss that gives more than one
            number, or sample weights.

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
