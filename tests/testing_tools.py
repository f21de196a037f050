"""Helpers that several test files share; they run on every backend."""

import contextlib

import keras
import numpy as np

from scmnet_zoo.layers import ImageInput
from scmnet_zoo.models import _factory

CLASSIFIER_GAIN = 0.001  # keeps the softmax away from 0 and 1
TOY_NORMALISATION = _factory.Normalisation((128.0,) * 3, (64.0,) * 3)


def randomise(model, seed=0):
    """Give every weight random values, batch norm statistics too, so that each one matters."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, leaf = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        if leaf == "kernel":
            depthwise = "depthwise" in variable.path
            fan_in = shape[0] * shape[1] * (1 if depthwise else shape[2])
            gain = CLASSIFIER_GAIN if "classifier" in variable.path else 1.0
            variable.assign(rng.normal(0.0, gain * (2.0 / fan_in) ** 0.5, shape))
        elif leaf in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, shape))
        else:
            variable.assign(rng.normal(0.0, 0.1, shape))
    return model


@contextlib.contextmanager
def channels_first():
    """Keras's global order of axes, that of before afterwards."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def trainable_parameters(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_weights)


def arrays(model):
    """The weights as NumPy arrays by path."""
    return {v.path: keras.ops.convert_to_numpy(v.value) for v in model.weights}


def assert_same_weights(model, other):
    ours, theirs = arrays(model), arrays(other)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        np.testing.assert_array_equal(value, theirs[path], err_msg=path)


def run(model, x):
    """The output of a model, as NumPy: compiled on JAX, where eager calls take minutes."""
    if keras.backend.backend() == "jax":
        return model.predict(x, verbose=0)
    outputs = model(x, training=False)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def images(height, width, batch=1, seed=0):
    """Noise on a ramp, RGB 0..255 in whole numbers, uint8."""
    rng = np.random.default_rng([seed, height, width])
    ramp = np.linspace(0, 200, height * width * 3).reshape(height, width, 3)
    noise = rng.integers(0, 56, (batch, height, width, 3))
    return (ramp + noise).astype("uint8")


def relative_error(actual, expected):
    """The largest difference, relative to the largest expected value."""
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def gradients(model, x, training=False):
    """The gradients of the outputs' mean square w.r.t. the trainable variables; None if cut off."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = _mean_square(model(x, training=training))
        found = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return [None if g is None else g.numpy() for g in found]
    if backend == "torch":
        model.zero_grad()
        _mean_square(model(x, training=training)).backward()
        found = [v.value.grad for v in model.trainable_variables]
        return [None if g is None else g.cpu().numpy() for g in found]
    import jax

    def loss(trainable, fixed):
        outputs, _ = model.stateless_call(trainable, fixed, x, training=training)
        return _mean_square(outputs)

    values = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    return [np.asarray(g) for g in jax.jit(jax.grad(loss))(values, fixed)]


def _mean_square(outputs):
    return sum(keras.ops.mean(keras.ops.square(o)) for o in keras.tree.flatten(outputs))


def toy(
    weights=None,
    num_classes=11,
    classifier_activation="softmax",
    width=8,
    dropout=0.0,
    auxiliary=False,
    network="toy",
):
    """A network of the zoo's kind that compiles at once; it stands in for its factories.

    `network` is whose weights it takes.
    """
    given = {"width": width, "dropout": dropout}
    plan = _factory.plan(
        network, weights, num_classes, TOY_NORMALISATION, given, {"width": 8, "dropout": 0.0}
    )
    inputs = keras.Input((None, None, 3), name="image")
    mean, std = plan.normalisation.mean, plan.normalisation.std
    x = ImageInput(list(mean), list(std), name="preprocessing")(inputs)
    x = keras.layers.Conv2D(width, 1, name="stem_conv")(x)
    x = keras.layers.BatchNormalization(momentum=0.5, name="stem_bn")(x)
    x = keras.layers.Activation("relu", name="stem_relu")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)

    def head(name, output):
        y = keras.layers.Conv2D(plan.num_classes, 1, name=f"{name}_classifier")(x)
        activation = classifier_activation or "linear"
        return keras.layers.Activation(activation, dtype="float32", name=output)(y)

    y = head("head", "out")
    if auxiliary:
        y = {"main": y, "aux_stem": head("aux_stem", "aux_out")}
    return plan.load(keras.Model(inputs, y, name="toy"), lambda classes: None)
