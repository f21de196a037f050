"""Batch norm whose statistics take one pass over the map."""

import keras
from keras import ops

from scmnet_zoo.layers._register import register


@register
class BatchNormalization(keras.layers.BatchNormalization):
    """Drop-in for `keras.layers.BatchNormalization`: same arguments, same weights.

    On JAX and PyTorch, in training, mean and variance of a batch are those of `d = x -
    moving_mean`, the variance as `E[d^2] - E[d]^2` in float32, at least 0. XLA does that in one
    pass over the map forwards and one backwards, where Keras's `E[(x - E[x])^2]` needs two and
    two. On PyTorch Keras's is `E[x^2] - E[x]^2`, which can be so far below 0 that the output of a
    constant channel is NaN. Rounding tells only where a channel's mean is many standard deviations
    from its moving mean: a hundred, and the variance may be wrong by a hundredth. TensorFlow runs
    as in Keras, and so do the others with a mask, `renorm` or `synchronized`.

    Args:
        axis, momentum, epsilon, center, scale, renorm, synchronized and the initialisers,
            regularisers and constraints: as in `keras.layers.BatchNormalization`.

    Input shape: any, channels along `axis`.

    Output shape: that of the input.

    Source: Ioffe, Szegedy 2015, Batch Normalization, arXiv 1502.03167, algorithm 1.

    Example:

    >>> x = keras.ops.ones((4, 32, 64, 8))
    >>> keras.ops.shape(BatchNormalization()(x, training=True))
    (4, 32, 64, 8)
    """

    def call(self, inputs, training=None, mask=None):
        plain = mask is None and not self.renorm and not self.synchronized
        ours = plain and keras.backend.backend() != "tensorflow"
        if not (ours and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axes = [axis for axis in range(len(x.shape)) if axis != self.axis % len(x.shape)]
        shape = [-1 if axis not in axes else 1 for axis in range(len(x.shape))]
        before = ops.cast(self.moving_mean.value, x.dtype)
        away = x - ops.reshape(before, shape)
        mean = ops.mean(away, axes)
        variance = ops.maximum(ops.mean(ops.square(away), axes) - ops.square(mean), 0.0)
        mean = before + mean
        for moving, found in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + found * (1.0 - self.momentum))
        outputs = ops.batch_normalization(
            x,
            mean,
            variance,
            self.axis,
            offset=self.beta if self.center else None,
            scale=self.gamma if self.scale else None,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)
