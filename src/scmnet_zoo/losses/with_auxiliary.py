"""The loss of a network with auxiliary outputs."""

from typing import Any

import keras

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses._batch_loss import BatchLoss, checked_loss, checked_weight

MAIN = "main"


@register
class WithAuxiliary(BatchLoss):
    """The loss of the main output plus weighted losses of auxiliary outputs.

    For networks that return a dict, like `FastSCNN(auxiliary=True)`. Keras's `compile` passes the
    outputs of a dict to losses one by one, so call this loss in `compute_loss`; see docs/losses.md.

    Args:
        loss: a `keras.losses.Loss`, applied to each output with the same labels.
        weights: weight of each auxiliary output by name, e.g. `{"aux_downsample": 0.4}`. The main
            output, `"main"`, has weight 1.
        name: name of the loss.

    Shapes: labels as for `loss`; scores a dict `{"main": ..., **auxiliary}` of scores for `loss`.

    Raises:
        ValueError: `loss` is not a loss, there are no weights or one of `"main"`, or a weight is
            negative or not finite; when called, the scores are not a dict of `"main"` and the
            outputs with a weight, or there are sample weights.

    Source: the weights of auxiliary losses are 0.4 in Fast-SCNN, Poudel et al. 2019,
    arXiv 1902.04502.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> logits = keras.ops.zeros((1, 1, 2, 2))
    >>> loss = WithAuxiliary(CrossEntropy(), {"aux_shallow": 0.4})
    >>> round(float(loss(labels, {"main": logits, "aux_shallow": logits})), 4)  # 1.4 log(2)
    0.9704
    """

    def __init__(
        self, loss: keras.losses.Loss, weights: dict[str, float], *, name: str = "with_auxiliary"
    ) -> None:
        super().__init__(name)
        if not isinstance(weights, dict) or not weights or MAIN in weights:
            raise ValueError(
                "Expected a dict of weights by the names of auxiliary outputs, one or more, "
                f'"{MAIN}" not among them. Received: weights={weights}'
            )
        self.loss: keras.losses.Loss = checked_loss(loss, "loss")
        self.weights: dict[str, float] = {
            k: checked_weight(v, f"weights[{k!r}]") for k, v in weights.items()
        }

    def call(self, y_true: Tensor, y_pred: dict[str, Tensor]) -> Tensor:
        received = sorted(y_pred) if isinstance(y_pred, dict) else type(y_pred).__name__
        expected = sorted({MAIN, *self.weights})
        if received != expected:
            raise ValueError(
                f'Expected a dict of the outputs {expected}: "{MAIN}" and those with a weight. '
                f"Received: {received}"
            )
        auxiliary = (weight * self.loss(y_true, y_pred[k]) for k, weight in self.weights.items())
        return self.loss(y_true, y_pred[MAIN]) + sum(auxiliary)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "weights": self.weights,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WithAuxiliary":
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})
