"""The moving average of a network's weights, which is what is measured and kept."""

import keras
import numpy as np
from keras import ops


class Averages(keras.layers.Layer):
    """Moving averages of all weights of a network, batch-norm statistics included.

    Without the statistics averaged weights do not go with them while the learning rate is high.
    The momentum of update t, counted from 1, is (1 + t) / (10 + t), up to its value, so that short
    runs are not held back by the weights they started from.

    Args:
        network: whose weights they are.
        momentum: from 0 up to, not including, 1.

    Attributes:
        values: float32, all averages in one row: one operation a step instead of hundreds.
        steps: int32, how many updates there were.

    Source: Polyak and Juditsky 1992, doi 10.1137/0330046; the growing momentum is that of
    TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: keras.Model, momentum: float):
        super().__init__(name="averages", dtype="float32", autocast=False)
        self.momentum = momentum
        count = sum(int(np.prod(v.shape)) for v in network.weights)
        start = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.values = self.add_weight(shape=(count,), dtype="float32", name="values", **start)
        self.steps = self.add_weight(shape=(), dtype="int32", name="steps", **start)
        self.restart(network)
        self.built = True

    def restart(self, network: keras.Model) -> None:
        """Begin anew with the weights as they are."""
        self.values.assign(_row(network))
        self.steps.assign(0)

    def update(self, network: keras.Model) -> None:
        """Take in the weights as they are; inside a compiled step too."""
        steps = self.steps.value + 1
        t = ops.cast(steps, "float32")
        momentum = ops.minimum(self.momentum, (1.0 + t) / (10.0 + t))
        row = _row(network)
        self.values.assign(row + momentum * (self.values.value - row))
        self.steps.assign(steps)

    def copy_to(self, network: keras.Model) -> None:
        """Give the network its averages."""
        row = np.array(ops.convert_to_numpy(self.values.value))
        start = 0
        for variable in network.weights:
            count = int(np.prod(variable.shape))
            variable.assign(row[start : start + count].reshape(variable.shape))
            start += count


def _row(network: keras.Model):
    """All weights in one row, without a gradient."""
    weights = [ops.reshape(ops.cast(v.value, "float32"), (-1,)) for v in network.weights]
    return ops.stop_gradient(ops.concatenate(weights))
