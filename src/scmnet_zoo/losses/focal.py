"""Focal loss."""

import math

from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.losses._batch_loss import is_number
from scmnet_zoo.losses._pixel_loss import FLOOR, PixelLoss, weighted_mean


@register
class Focal(PixelLoss):
    """Cross-entropy in which a pixel counts the less, the surer the network is of its class.

    The sum over pixels of `weight[label] * (1 - p)^gamma * -log p`, p the probability of the label,
    divided by the sum of the weights (the paper divides by a number of boxes, of which pixels have
    none). So gamma 0 is `CrossEntropy`.

    Args:
        gamma: 0 or more; how fast sure pixels lose weight.
        class_weights: one number for each class, the paper's alpha, or None for all 1.
        from_logits: whether the scores are logits; False for probabilities, which count as at
            least 1e-7 and have no gradient below that.
        name: name of the loss.

    Shapes: labels (batch, height, width) or (batch, height, width, 1), whole numbers
    0..classes-1 and 255 for void; scores (batch, height, width, classes). One number, in float32:
    0 where every pixel is void, NaN with gradient 0 where a label is none of these.

    Raises:
        ValueError: an argument is out of range; when called, shapes that do not fit, not as many
            weights as classes, or sample weights.

    Source: Lin et al. 2017, arXiv 1708.02002, equation 4, with class weights equation 5; p is the
    softmax over the classes in place of the paper's sigmoid.

    Example:

    >>> labels = keras.ops.array([[[0, 1]]])
    >>> logits = keras.ops.zeros((1, 1, 2, 2))
    >>> round(float(Focal(gamma=2)(labels, logits)), 4)  # log(2) / 4
    0.1733
    """

    def __init__(self, gamma=2.0, class_weights=None, *, from_logits=True, name="focal"):
        super().__init__(class_weights, from_logits, name)
        if not is_number(gamma) or not 0 <= gamma < math.inf:
            raise ValueError(f"Expected a finite gamma from 0 up. Received: gamma={gamma!r}")
        self.gamma = float(gamma)

    def value(self, target, valid, scores):
        log_p = self.log_probability(scores, target)
        missing = ops.maximum(1 - ops.exp(log_p), FLOOR)  # a power below 1 has no slope at 0
        losses = -ops.power(missing, self.gamma) * log_p
        return weighted_mean(losses, self.pixel_weights(target, valid))

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}
