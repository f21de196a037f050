"""The moving average of a network's weights, which is validated and saved."""

import keras
import numpy as np
from keras import ops


class Averages(keras.layers.Layer):
    """Moving averages of all weights of a network, batch-norm statistics included.

    The statistics are averaged too, since at a high learning rate the current ones do not fit
    averaged weights. The momentum of update t, counted from 1, is at most (1 + t) / (10 + t), so
    that initial weights have little influence in short runs.

    Args:
        network: the network whose weights are averaged.
        momentum: in [0, 1).

    Attributes:
        values: float32, all averages in one vector: one operation per step instead of hundreds.
        steps: int32, number of updates.

    Source: Polyak and Juditsky 1992, doi 10.1137/0330046; the growing momentum is that of
    TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: keras.Model, momentum: float):
        super().__init__(name="averages", dtype="float32", autocast=False)
        self.momentum = momentum
        count = sum(int(np.prod(v.shape)) for v in network.weights)
        start = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.values: keras.Variable = self.add_weight(
            shape=(count,), dtype="float32", name="values", **start
        )
        self.steps: keras.Variable = self.add_weight(shape=(), dtype="int32", name="steps", **start)
        self.restart(network)
        self.built = True

    def restart(self, network: keras.Model) -> None:
        """Reset the averages to the current weights."""
        self.values.assign(_row(network))
        self.steps.assign(0)

    def update(self, network: keras.Model) -> None:
        """Update the averages with the current weights; works inside a compiled step."""
        steps = self.steps.value + 1
        t = ops.cast(steps, "float32")
        momentum = ops.minimum(self.momentum, (1.0 + t) / (10.0 + t))
        row = _row(network)
        self.values.assign(row + momentum * (self.values.value - row))
        self.steps.assign(steps)

    def copy_to(self, network: keras.Model) -> None:
        """Assign the averages to the network's weights."""
        row = np.array(ops.convert_to_numpy(self.values.value))
        start = 0
        for variable in network.weights:
            count = int(np.prod(variable.shape))
            variable.assign(row[start : start + count].reshape(variable.shape))
            start += count


def _row(network: keras.Model):
    """All weights in one vector, without gradient."""
    weights = [ops.reshape(ops.cast(v.value, "float32"), (-1,)) for v in network.weights]
    return ops.stop_gradient(ops.concatenate(weights))
