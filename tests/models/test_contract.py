"""What every network of the zoo keeps to. A new network joins with a line in `networks.py`."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
from networks import CASES
from testing_tools import (
    arrays,
    assert_same_weights,
    gradients,
    images,
    randomise,
    relative_error,
    run,
)

from scmnet_zoo import NETWORKS
from scmnet_zoo.layers.image_input import ImageInput
from scmnet_zoo.training.start import dtype_policy
from scmnet_zoo.weights import manifest, read_checkpoint
from scmnet_zoo.weights.checkpoint import Metadata, load_checkpoint, write_checkpoint

CLASSES = 5
# JAX compiles each model anew for each size, seconds to minutes on a CPU.
slow_on_jax = [pytest.mark.long] if keras.backend.backend() == "jax" else []
SIZES = [
    (64, 64),
    pytest.param((33, 47), marks=slow_on_jax),
    pytest.param((480, 360), marks=slow_on_jax),
    pytest.param((721, 1281), marks=pytest.mark.long),
]
SUFFIXES = (".safetensors", ".keras", ".weights.h5")

every_network = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_network_at_length_on_jax = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=slow_on_jax, id=key) for key, case in CASES.items()]
)
# What a format does wrong it does with one network as with all.
every_network_or_format = pytest.mark.parametrize(
    ("case", "suffix"),
    [pytest.param(case, ".safetensors", id=key) for key, case in CASES.items()]
    + [pytest.param(CASES["fastscnn"], suffix, id=f"fastscnn-{suffix}") for suffix in SUFFIXES[1:]],
)


@pytest.fixture(scope="module")
def models():
    """A model of each case with random weights, built once. Not to be changed by tests."""
    built = {}

    def get(case):
        if str(case) not in built:
            with dtype_policy("float32"):  # whichever test comes first
                built[str(case)] = randomise(case.build(num_classes=CLASSES))
        return built[str(case)]

    return get


@pytest.fixture(params=["mixed_bfloat16", pytest.param("mixed_float16", marks=slow_on_jax)])
def mixed_policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield keras.config.dtype_policy()
    keras.config.set_dtype_policy(before)


@pytest.fixture
def write(models, tmp_path):
    """Writes a case's model in the format of a suffix and returns the path."""

    def writer(case, suffix, model=None):
        path = tmp_path / f"{case.key}{suffix}"
        model = model or models(case)
        if suffix == ".safetensors":
            case.write(model, path)
        elif suffix == ".keras":
            model.save(path)
        else:
            model.save_weights(path)
        return path

    return writer


def test_every_network_is_here():
    assert {case.key for case in CASES.values()} == set(NETWORKS)


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


# Weight files


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


@every_network
def test_keras_file_loads_without_the_factory(models, case, write):
    loaded = keras.models.load_model(write(case, ".keras"))
    assert_same_weights(loaded, models(case))
    x = images(64, 64)
    np.testing.assert_allclose(run(loaded, x), run(models(case), x), atol=1e-6)


@pytest.mark.parametrize(
    "suffix", [".safetensors", pytest.param(".keras", marks=pytest.mark.long), ".weights.h5"]
)
@every_network
def test_weights_from_a_file(models, case, write, suffix):
    model = case.build(weights=write(case, suffix), num_classes=CLASSES)
    assert_same_weights(model, models(case))
    x = images(64, 64)
    np.testing.assert_allclose(run(model, x), run(models(case), x), atol=1e-6)


@every_network_or_format
def test_number_of_classes_comes_with_the_weights(models, case, write, suffix):
    model = case.build(weights=str(write(case, suffix)))
    assert_same_weights(model, models(case))


@every_network_or_format
def test_other_classes_load_all_but_the_classifier(models, case, write, suffix, caplog):
    with caplog.at_level(logging.WARNING, "scmnet_zoo"):
        model = case.build(weights=write(case, suffix), num_classes=CLASSES + 1)
    total = len(model.weights)
    assert f"Loaded {total - 2} of {total} tensors" in caplog.text
    assert "head_classifier" in caplog.text
    stored = arrays(models(case))
    for path, value in arrays(model).items():
        if not path.startswith("head_classifier/"):
            np.testing.assert_array_equal(value, stored[path], err_msg=path)


@every_network
def test_statistics_come_with_the_weights(models, case, tmp_path):
    statistics = dataclasses.replace(case.normalisation, mean=(1.0, 2.0, 3.0))
    classes = tuple("abcde")
    path = tmp_path / "other.safetensors"
    write_checkpoint(
        path, models(case), Metadata(case.key, case.arguments, classes, statistics, (64, 96))
    )
    assert case.build(weights=path).get_layer("preprocessing").mean == [1.0, 2.0, 3.0]


@every_network_or_format
def test_file_of_another_network_is_refused(case, write, suffix):
    other = CASES["fastscnn" if case.key != "fastscnn" else "contextnet"]
    path = write(other, suffix)
    with pytest.raises(ValueError, match=r"network '\w+'|does not fit|Expected weights"):
        case.build(weights=path, num_classes=CLASSES)


@every_network_or_format
def test_truncated_file_is_refused(case, write, suffix):
    path = write(case, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"not a whole|cannot be read"):
        case.build(weights=path, num_classes=CLASSES)


@every_network_or_format
def test_values_that_are_not_finite_are_refused(case, write, suffix):
    model = randomise(case.build(num_classes=CLASSES))
    kernel = model.get_layer("head_classifier").kernel
    kernel.assign(keras.ops.full(kernel.shape, np.nan))
    path = write(case, suffix, model)
    with pytest.raises(ValueError, match=r"head_classifier/kernel holds values that are not fin"):
        case.build(weights=path, num_classes=CLASSES)


@every_network
def test_a_refused_file_leaves_the_model_untouched(models, case, write):
    checkpoint = read_checkpoint(write(case, ".safetensors"), case.key)
    tensors = dict(checkpoint.tensors)
    tensors[max(tensors)] = np.full_like(tensors[max(tensors)], np.inf)
    model = case.build(num_classes=CLASSES)
    before = arrays(model)
    with pytest.raises(ValueError, match="not finite"):
        load_checkpoint(model, dataclasses.replace(checkpoint, tensors=tensors), case.build)
    for path, value in arrays(model).items():
        np.testing.assert_array_equal(value, before[path])


@every_network
def test_missing_tensor_is_named(case, write):
    checkpoint = read_checkpoint(write(case, ".safetensors"), case.key)
    tensors = dict(checkpoint.tensors)
    lost = min(tensors)
    del tensors[lost]
    tensors["spare/kernel"] = np.zeros(3, "float32")
    model = case.build(num_classes=CLASSES)
    with pytest.raises(ValueError, match=f"it lacks {lost}; it holds spare/kernel"):
        load_checkpoint(model, dataclasses.replace(checkpoint, tensors=tensors), case.build)


@every_network_or_format
def test_missing_file(case, tmp_path, suffix):
    with pytest.raises(ValueError, match=r"Expected an existing weight file\. Received: .*none"):
        case.build(weights=tmp_path / f"none{suffix}")


@every_network
def test_unknown_name_lists_those_known(case, monkeypatch):
    known = dataclasses.replace(
        manifest.find("scmnet", "camvid"), network=case.key, name="camvid-512"
    )
    monkeypatch.setattr(manifest, "entries", lambda: (known,))
    with pytest.raises(ValueError, match=r"'camvid-512'.*Received: weights='nonsense'"):
        case.build(weights="nonsense")


def test_argument_that_contradicts_the_weights(tmp_path):
    case = CASES["scmnet"]
    path = tmp_path / "residual.safetensors"
    case.write(case.build(num_classes=CLASSES, residual=True), path, residual=True)
    assert case.build(weights=path).count_params()
    with pytest.raises(ValueError, match=r"Expected residual=True.*Received: residual=False"):
        case.build(weights=path, residual=False)


@pytest.mark.parametrize("key", ["scmnet", "fastscnn", "contextnet"])
@pytest.mark.parametrize("suffix", [".safetensors", pytest.param(".keras", marks=pytest.mark.long)])
def test_auxiliary_heads_are_optional_in_files(write, key, suffix, caplog):
    case = CASES[key]
    trained = randomise(case.build(num_classes=CLASSES, auxiliary=True))
    path = write(case, suffix, trained)
    everything = arrays(trained)
    plain = case.build(weights=path)
    for name, value in arrays(plain).items():
        np.testing.assert_array_equal(value, everything[name])
    assert_same_weights(case.build(weights=path, auxiliary=True), trained)
    assert not caplog.records

    other = case.build(weights=path, auxiliary=True, num_classes=CLASSES + 1)
    fresh = {v.path.split("/")[0] for v in other.weights if v.shape[-1] == CLASSES + 1}
    assert all(layer in caplog.text for layer in fresh)
    for name, value in arrays(other).items():
        if name.split("/")[0] not in fresh:
            np.testing.assert_array_equal(value, everything[name])


@pytest.mark.parametrize("key", ["scmnet", "fastscnn", "contextnet"])
def test_auxiliary_heads_in_a_weights_h5_file(write, key):
    case = CASES[key]
    trained = randomise(case.build(num_classes=CLASSES, auxiliary=True))
    path = write(case, ".weights.h5", trained)
    loaded = case.build(weights=path, auxiliary=True, num_classes=CLASSES)
    assert_same_weights(loaded, trained)


# Wrong arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, r"Expected num_classes .* Received: num_classes=0"),
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
    with pytest.raises(ValueError, match="Expected images of at least 32x32 pixels"):
        run(models(case), np.zeros((1, 31, 64, 3), "uint8"))


def test_preprocessing_is_the_zoos_own_layer(models):
    assert isinstance(models(CASES["scmnet"]).get_layer("preprocessing"), ImageInput)
