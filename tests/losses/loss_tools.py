"""What the tests of the losses share; it runs on every backend."""

import keras
import numpy as np
from keras import ops

CLASSES = 5
SHAPE = (2, 3, 4)  # of all labels: JAX compiles each operation anew for each shape
WEIGHTS = [1.0, 0.2, 3.0, 0.0, 7.5]


def batch(seed=0, void=0.2):
    """Labels and logits."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, SHAPE)
    labels[rng.random(SHAPE) < void] = 255
    return labels.astype("int32"), rng.normal(0, 3, (*SHAPE, CLASSES)).astype("float32")


def pixels(some_labels, some_scores, rest=0.0):
    """A batch of a few pixels of a few classes: the others void, other classes' scores `rest`."""
    labels = np.full(SHAPE, 255, "int32")
    scores = np.full((*SHAPE, CLASSES), rest, "float32")
    for n, (label, row) in enumerate(zip(some_labels, some_scores, strict=True)):
        labels.flat[n] = label
        scores.reshape(-1, CLASSES)[n, : len(row)] = row
    return labels, scores


def value(loss, labels, scores):
    result = loss(labels, scores)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert tuple(result.shape) == ()
    return float(ops.convert_to_numpy(result))


def gradient(loss, labels, scores):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(scores)
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = loss(labels, x)
        return tape.gradient(result, x).numpy()
    if backend == "torch":
        x = ops.convert_to_tensor(scores).requires_grad_()
        loss(labels, x).backward()
        return x.grad.cpu().numpy()
    import jax

    return np.asarray(jax.grad(lambda x: loss(labels, x))(scores))


def differences(function, scores, step=1e-5):
    """The gradient of a function of float64 scores by central differences."""
    scores = scores.astype("float64")
    result = np.zeros_like(scores)
    for index in np.ndindex(scores.shape):
        moved = scores.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        result[index] = (above - function(moved)) / (2 * step)
    return result
