"""What every network of the zoo keeps to as a graph. A new one joins with its card.

It runs on every backend; files of weights are in test_contract_files.py.
"""

import keras
import numpy as np
import pytest
from networks import CASES, CLASSES
from testing_tools import (
    channels_first,
    gradients,
    images,
    randomise,
    relative_error,
    run,
)

from scmnet_zoo.layers.image_input import ImageInput

# JAX compiles each model anew for each size, seconds to minutes on a CPU.
slow_on_jax = [pytest.mark.long] if keras.backend.backend() == "jax" else []
SIZES = [
    (64, 64),
    pytest.param((33, 47), marks=slow_on_jax),
    pytest.param((480, 360), marks=slow_on_jax),
    pytest.param((721, 1281), marks=pytest.mark.long),
]

every_network = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_network_at_length_on_jax = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=slow_on_jax, id=key) for key, case in CASES.items()]
)


@pytest.fixture(params=["mixed_bfloat16", pytest.param("mixed_float16", marks=slow_on_jax)])
def mixed_policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield keras.config.dtype_policy()
    keras.config.set_dtype_policy(before)


# Outputs


@pytest.mark.parametrize("size", SIZES)
@every_network
def test_probabilities_at_the_size_of_the_image(models, case, size):
    y = run(models(case), images(*size))
    assert y.shape == (1, *size, CLASSES)
    assert y.dtype == "float32"
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y.sum(-1), 1.0, atol=1e-5)


@every_network_at_length_on_jax
def test_images_of_a_batch_do_not_mix(models, case):
    x = np.concatenate([images(64, 96, seed=0), images(64, 96, seed=1)])
    together = run(models(case), x)
    for i in range(2):
        assert relative_error(together[i : i + 1], run(models(case), x[i : i + 1])) < 1e-4
    assert relative_error(together[:1], together[1:]) > 1e-3


@every_network
def test_a_graph_of_unknown_sizes_gives_the_same(models, case):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown sizes")
    import tensorflow as tf

    signature = tf.TensorSpec((None, None, None, 3), "float32")
    model = models(case)
    graph = tf.function(lambda x: model(x, training=False), input_signature=[signature])
    for size in ((64, 96), (33, 47), (97, 161)):
        x = images(*size)
        assert relative_error(graph(x.astype("float32")).numpy(), run(model, x)) < 1e-4


@pytest.mark.parametrize("classes", [2, pytest.param(11, marks=pytest.mark.long)])
@every_network
def test_number_of_classes(case, classes):
    model = case.build(num_classes=classes, input_shape=(64, 96, 3))
    assert model.output_shape == (None, 64, 96, classes)
    assert model.get_layer("head_classifier").filters == classes


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
@every_network_at_length_on_jax
def test_a_fixed_size_gives_the_same(models, case, size):
    model = case.build(num_classes=CLASSES, input_shape=(*size, 3))
    assert model.output_shape == (None, *size, CLASSES)
    model.set_weights(models(case).get_weights())
    assert relative_error(run(model, images(*size)), run(models(case), images(*size))) < 1e-4


@every_network_at_length_on_jax
def test_channels_are_last_whatever_keras_is_set_to(models, case):
    expected = run(models(case), images(64, 64))
    with channels_first():
        model = case.build(num_classes=CLASSES)
        model.set_weights(models(case).get_weights())
        assert relative_error(run(model, images(64, 64)), expected) < 1e-5


@every_network
def test_nineteen_classes_and_any_size_by_default(case):
    model = case.build()
    assert (model.input_shape, model.output_shape) == (
        (None, None, None, 3),
        (None, None, None, 19),
    )


@every_network_at_length_on_jax
def test_logits(models, case):
    logits = case.build(num_classes=CLASSES, classifier_activation=None)
    logits.set_weights(models(case).get_weights())
    y = run(logits, images(64, 64))
    assert not np.allclose(y.sum(-1), 1.0)
    softmax = np.exp(y - y.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    assert relative_error(softmax, run(models(case), images(64, 64))) < 1e-4


@every_network_at_length_on_jax
def test_image_types_give_the_same(models, case):
    x = images(64, 64)
    expected = run(models(case), x.astype("float32"))
    for dtype in ("uint8", "float16"):
        np.testing.assert_allclose(run(models(case), x.astype(dtype)), expected, atol=1e-6)


@every_network_at_length_on_jax
def test_preprocessing_is_the_stated_normalisation(models, case):
    bare = case.build(num_classes=CLASSES, include_preprocessing=False)
    bare.set_weights(models(case).get_weights())
    x = images(64, 64)
    normalised = (x - np.array(case.normalisation.mean)) / np.array(case.normalisation.std)
    y = run(bare, normalised.astype("float32"))
    assert relative_error(y, run(models(case), x)) < 1e-4


# Precision and gradients


@every_network
def test_mixed_precision(models, case, mixed_policy):
    model = case.build(num_classes=CLASSES)
    model.set_weights(models(case).get_weights())
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if layer.weights:
            assert layer.compute_dtype == mixed_policy.compute_dtype, layer.path
            assert layer.variable_dtype == "float32", layer.path
    assert model.get_layer("preprocessing").compute_dtype == "float32"
    y = run(model, images(64, 64))
    assert y.dtype == "float32"
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y.sum(-1), 1.0, atol=1e-5)
    assert np.abs(y - run(models(case), images(64, 64))).mean() < 0.05


@every_network_at_length_on_jax
def test_gradients_reach_every_trainable_variable(case):
    model = randomise(case.build(num_classes=3))
    found = gradients(model, images(64, 96).astype("float32"))
    assert len(found) == len(model.trainable_variables) > 0
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path


@every_network
def test_every_layer_is_named(models, case):
    """Names by which weights are kept must not depend on what was built before."""
    assert [v.path for v in models(case).weights] == [
        v.path for v in case.build(num_classes=CLASSES).weights
    ]
    names = [layer.name for layer in models(case).layers]
    for layer in models(case).layers:
        automatic = keras.src.utils.naming.to_snake_case(type(layer).__name__)
        assert layer.name.rstrip("_0123456789") != automatic, layer.name
    assert len(set(names)) == len(names)


# Wrong arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, r"Expected num_classes .* Received: num_classes=0"),
        ({"num_classes": 1}, r"background and the object\. Received: num_classes=1$"),
        ({"num_classes": 1.5}, r"Expected num_classes .* Received: num_classes=1.5"),
        ({"input_shape": (31, None, 3)}, r"at least 32\. Received: input_shape=\(31, None, 3\)"),
        ({"input_shape": (64, 64)}, r"Expected input_shape .* Received: input_shape=\(64, 64\)"),
        ({"input_shape": (64, 64, 4)}, r"Expected 3 channels .* Received: input_shape=\(64, 64, 4"),
        ({"classifier_activation": "sigmoid"}, r"Expected classifier_activation .*'sigmoid'"),
        ({"weights": 3}, r"Expected weights .* Received: weights=3"),
    ],
)
@every_network
def test_wrong_arguments(case, arguments, message):
    with pytest.raises(ValueError, match=message):
        case.build(**arguments)


@every_network
def test_other_channels_without_preprocessing(case):
    model = case.build(num_classes=2, input_shape=(64, 64, 4), include_preprocessing=False)
    assert model.input_shape == (None, 64, 64, 4)


@every_network
def test_images_below_the_minimum_are_refused(models, case):
    # Called, not predicted: on JAX a predict that fails leaves a model without its weights.
    with pytest.raises(ValueError, match="Expected images of at least 32x32 pixels"):
        models(case)(np.zeros((1, 31, 64, 3), "uint8"), training=False)


def test_preprocessing_is_the_zoos_own_layer(models):
    assert isinstance(models(CASES["scmnet"]).get_layer("preprocessing"), ImageInput)
