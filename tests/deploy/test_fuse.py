"""Fused networks against the networks they are made of."""

import functools

import keras
import numpy as np
import pytest
from testing_tools import (
    assert_same_weights,
    channels_first,
    images,
    randomise,
    relative_error,
    run,
)

from scmnet_zoo import NETWORKS, layers
from scmnet_zoo.deploy import FUSED_LAYERS, fuse
from scmnet_zoo.training.start import dtype_policy

BACKEND = keras.backend.backend()
long_on_jax = [pytest.mark.long] if BACKEND == "jax" else []
CLASSES = 5

# Each network's arguments, and what makes its logits, with random weights, a few units wide.
CASES = {
    "scmnet": ("scmnet", {}, 0.03),
    "fastscnn": ("fastscnn", {}, 40.0),
    "contextnet": ("contextnet", {}, 1.0),
    "deeplabv3plus": ("deeplabv3plus", {"backbone": "mobilenet_v2"}, 500.0),
    "efficientvit": ("efficientvit", {}, 1.0),
    "deeplabv3plus-plain": (
        "deeplabv3plus",
        {"backbone": "mobilenet_v2", "aspp_rates": (), "decoder": False, "output_stride": 8},
        500.0,
    ),
    "deeplabv3plus-xception": ("deeplabv3plus", {"backbone": "xception"}, 0.002),
    "deeplabv3plus-xception-8": (
        "deeplabv3plus",
        {"backbone": "xception", "output_stride": 8},
        0.002,
    ),
    "deeplabv3plus-xception65": ("deeplabv3plus", {"backbone": "xception65"}, 2e-9),
    "efficientvit-b2": ("efficientvit", {"variant": "b2"}, 1.0),
    "scmnet-released": ("scmnet", {"residual": False}, 0.1),
}


def build(name, **arguments):
    """The network with random weights, batch norm statistics and biases too."""
    key, own, gain = CASES[name]
    model = randomise(NETWORKS[key](num_classes=CLASSES, **own, **arguments))
    kernel, _ = model.get_layer("head_classifier").weights
    kernel.assign(kernel * gain)
    return model


@pytest.fixture(scope="module")
def network():
    """A network by its name, built once. Not to be changed by tests."""
    return functools.cache(build)


@pytest.fixture(scope="module")
def fused(network):
    """What is made of a network, made once."""
    return functools.cache(lambda name, *arguments: fuse(network(name), *arguments))


@pytest.fixture(scope="module")
def logits():
    """What a network gives for two images of a size, before its softmax."""

    @functools.cache
    def get(name, height, width):
        return run(build(name, classifier_activation=None), images(height, width, batch=2))

    return get


def assert_mask(mask, scores):
    """Right at each pixel; either class will do where rounding decides."""
    assert mask.dtype == "uint8"
    assert mask.shape == scores.shape[:-1]
    chosen = np.take_along_axis(scores, mask[..., None].astype(int), -1)[..., 0]
    assert (scores.max(-1) - chosen).max() < 1e-4 * np.abs(scores).max()
    assert len(np.unique(mask)) > 1


def assert_plain(model):
    """Of the stated layers only, used as stated, and each on its own."""
    for layer in model.layers:
        assert type(layer) in FUSED_LAYERS, layer
        assert not list(layer._flatten_layers(include_self=False)), layer
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            assert layer.activation is keras.activations.linear
            assert layer.data_format == "channels_last"
        for variable in layer.weights:
            assert variable.dtype == "float32"


# Equal


@pytest.mark.parametrize(
    ("output", "size"),
    [
        pytest.param("logits", None, marks=long_on_jax),
        pytest.param("probabilities", (90, 122), marks=long_on_jax),
        ("mask", (91, 123)),
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "scmnet",
        "fastscnn",
        pytest.param("contextnet", marks=long_on_jax),
        pytest.param("deeplabv3plus", marks=long_on_jax),
        pytest.param("efficientvit", marks=long_on_jax),
    ],
)
def test_equal(fused, logits, name, output, size):
    model = fused(name, output, size)
    assert_plain(model)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in model.layers)
    assert model.input_shape == (None, *(size or (None, None)), 3)
    size = size or (90, 122)
    expected = logits(name, *size)
    actual = run(model, images(*size, batch=2))
    if output == "mask":
        assert_mask(actual, expected)
        return
    assert expected.std() > 0.5
    if output == "logits":
        assert relative_error(actual, expected) < 1e-4
        return
    expected = np.exp(expected - expected.max(-1, keepdims=True))
    expected /= expected.sum(-1, keepdims=True)
    assert 0.4 < expected.max(-1).mean() < 0.97
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CASES if "-" in name])
def test_variants_are_equal(fused, logits, name):
    model = fused(name, "logits", (91, 123))
    assert_plain(model)
    expected = logits(name, 91, 123)
    assert expected.std() > 0.5
    assert relative_error(run(model, images(91, 123, batch=2)), expected) < 1e-4


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=long_on_jax) for name in CASES if "-" not in name]
)
def test_channels_are_last_whatever_keras_is_set_to(network, logits, name):
    """At a size at which the pyramid's cells are alike: it becomes pools of Keras."""
    with channels_first():
        model = fuse(network(name), "logits", (192, 384))
        assert_plain(model)
        actual = run(model, images(192, 384, batch=2))
    assert relative_error(actual, logits(name, 192, 384)) < 1e-4


def test_auxiliary_heads_are_left_out(network):
    with_heads, plain = build("fastscnn", auxiliary=True), network("fastscnn")
    values = {variable.path: variable for variable in plain.weights}
    for variable in with_heads.weights:
        if variable.path in values:
            variable.assign(values[variable.path])
    model = fuse(with_heads, size=(64, 96))
    assert len(model.outputs) == 1
    assert_same_weights(model, fuse(plain, size=(64, 96)))


@pytest.mark.parametrize("name", [pytest.param("fastscnn", marks=long_on_jax)])
def test_networks_without_preprocessing_and_softmax(logits, name):
    """Their probabilities are what they give: logits of a normalised image."""
    model = fuse(build(name, classifier_activation=None, include_preprocessing=False))
    x = images(90, 122, batch=2).astype("float32")
    x = (x - np.float32([123.675, 116.28, 103.53])) / np.float32([58.395, 57.12, 57.375])
    assert relative_error(run(model, x), logits(name, 90, 122)) < 1e-4


@pytest.mark.parametrize("name", [pytest.param("scmnet", marks=long_on_jax)])
def test_shipped_weights(name):
    model = NETWORKS[name](weights="camvid")
    x = images(96, 128)
    np.testing.assert_allclose(run(fuse(model), x), run(model, x), atol=1e-4)


@pytest.mark.parametrize("name", [pytest.param("fastscnn", marks=long_on_jax)])
def test_mixed_precision_stays(fused, logits, name):
    layer = "fusion_low_pointwise"
    assert fused(name, "logits", None).get_layer(layer).compute_dtype == "float32"
    with dtype_policy("mixed_bfloat16"):
        mixed = build(name)
    model = fuse(mixed, "logits")
    assert model.get_layer(layer).compute_dtype == "bfloat16"
    assert_plain(model)
    actual = run(model, images(90, 122, batch=2))
    assert actual.dtype == "float32"
    assert relative_error(actual, logits(name, 90, 122)) < 0.05


@pytest.mark.parametrize("name", [pytest.param("scmnet", marks=long_on_jax)])
def test_saved_and_loaded(network, logits, tmp_path, name):
    """Both the network and what is made of it."""
    network(name).save(tmp_path / "network.keras")
    model = fuse(keras.saving.load_model(tmp_path / "network.keras"), "mask")
    model.save(tmp_path / "fused.keras")
    loaded = keras.saving.load_model(tmp_path / "fused.keras")
    assert_plain(loaded)
    assert_same_weights(loaded, model)
    assert_mask(run(loaded, images(90, 122, batch=2)), logits(name, 90, 122))


def test_the_network_is_left_alone(network, fused):
    model, expected = build("fastscnn"), fused("fastscnn", "logits", None)
    copy = fuse(model, "logits")
    assert_same_weights(model, network("fastscnn"))
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    assert_same_weights(copy, expected)


# Less


def test_names_tell_where_layers_come_from(fused):
    assert {layer.name for layer in fused("scmnet", "logits", None).layers} > {
        "image",
        "preprocessing",
        "deep_stage3_1_expand_conv",
        "deep_stage3_1_add",
        "cmm2_atrous_depthwise",
        "cmm2_global_pool_spread",
        "fusion_lateral_F4_conv",
        "fusion_td2_F0_pointwise",
        "fusion_td2_F0_silu",
        "head_classifier",
    }


def test_the_classes_are_chosen_before_nearest_upsampling(fused):
    scores, image = fused("scmnet", "mask", (91, 123)).get_layer("head_mask").input
    assert scores.shape == (None, 46, 62, CLASSES)
    assert image.shape == (None, 91, 123, 3)


@pytest.mark.parametrize("output", ["mask", "logits"])
def test_no_softmax_where_nobody_reads_it(fused, output):
    for name, size in (("scmnet", (91, 123)), ("fastscnn", (91, 123))):
        for layer in fused(name, output, size if output == "mask" else None).layers:
            assert layer.get_config().get("activation") != "softmax"


def test_normalisation_is_folded(fused):
    """All of it where no convolution that reads the image pads, else the division."""
    assert fused("fastscnn", "logits", None).get_layer("preprocessing").mean is None
    left = fused("scmnet", "logits", None).get_layer("preprocessing")
    assert (left.mean, left.std) == ([123.675, 116.28, 103.53], [1.0] * 3)


def test_linear_pointwise_convolutions_are_joined(fused):
    """32 to 32 to 192 channels, where the first stage ends and the second begins."""
    names = {layer.name for layer in fused("scmnet", "logits", None).layers}
    assert "deep_stage1_0_project_conv" not in names
    assert {"deep_stage2_0_expand_conv", "deep_stage2_0_project_conv"} < names


@pytest.mark.parametrize(
    ("output", "size", "first", "second"),
    [
        ("logits", None, True, True),  # unknown
        ("probabilities", (90, 122), True, True),  # read 44x60 and 22x30
        ("mask", (91, 123), False, False),  # 45x61 and 23x31
    ],
)
def test_padding_only_where_keras_pads_otherwise(fused, output, size, first, second):
    names = {layer.name for layer in fused("fastscnn", output, size).layers}
    assert ("downsample_ds1_depthwise_pad" in names) == first
    assert ("downsample_ds2_depthwise_pad" in names) == second


@pytest.mark.skipif(BACKEND != "tensorflow", reason="counts operations of TensorFlow's graphs")
@pytest.mark.parametrize("name", ["scmnet", "fastscnn"])
def test_fewer_operations_and_no_shapes(network, fused, name):
    import tensorflow as tf

    def kinds(model):
        graph = tf.function(lambda x: model(x, training=False))
        graph = graph.get_concrete_function(tf.TensorSpec((1, 90, 122, 3), "float32")).graph
        return [operation.type for operation in graph.get_operations()]

    before, after = kinds(network(name)), kinds(fused(name, "probabilities", (90, 122)))
    assert len(after) < 0.75 * len(before)
    assert "Shape" not in after
    assert before.count("Rsqrt") > 30  # one for each batch norm
    assert "Rsqrt" not in after


# Small networks, for what the networks of the zoo do not show


def toy(body, side=None):
    """A network of one layer or more between image and classifier."""
    image = keras.Input((side, side, 3), name="image")
    x = layers.ImageInput([120.0] * 3, [60.0] * 3, name="preprocessing")(image)
    x = body(x)
    x = keras.layers.Conv2D(CLASSES, 1, name="head")(x)
    return randomise(keras.Model(image, keras.layers.Activation("softmax", name="softmax")(x)))


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def assert_equal(model, fused):
    assert_plain(fused)
    x = images(33, 47, batch=2)
    expected = run(model, x)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run(fused, x), expected, atol=1e-5)


def test_batch_norm_that_no_convolution_can_take():
    """Behind a sum, and behind a convolution that others read too."""

    def body(x):
        first = keras.layers.Conv2D(4, 3, padding="same", name="first")(x)
        second = keras.layers.BatchNormalization(scale=False, name="of_one")(first)
        x = keras.layers.Add(name="sum")([first, second])
        return keras.layers.BatchNormalization(center=False, epsilon=0.1, name="of_both")(x)

    model = toy(body)
    fused = fuse(model)
    assert kinds(fused).count("BatchNormalization") == 2
    assert_equal(model, fused)


@pytest.mark.parametrize("multiplier", [1, 3])
def test_batch_norm_into_either_convolution(multiplier):
    """Depthwise ones with several channels for one too, and several batch norms in a row."""

    def body(x):
        x = layers.FastDepthwiseConv2D(
            3, strides=2, padding="same", depth_multiplier=multiplier, name="depthwise"
        )(x)
        x = keras.layers.BatchNormalization(scale=False, name="bn1")(x)
        x = keras.layers.Conv2D(6, 1, use_bias=False, activation="relu", name="pointwise")(x)
        x = keras.layers.Conv2D(6, 3, name="full")(x)
        x = keras.layers.BatchNormalization(name="bn2")(x)
        return keras.layers.BatchNormalization(center=False, name="bn3")(x)

    model = toy(body)
    fused = fuse(model)
    assert "BatchNormalization" not in kinds(fused)
    assert not fused.get_layer("depthwise").use_bias
    assert fused.get_layer("pointwise").use_bias
    assert_equal(model, fused)


@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_inverted_residual_of_another_kernel(padding):
    def body(x):
        return layers.InvertedResidual(
            6, strides=2, kernel_size=5, padding=padding, use_bias=False, name="block"
        )(x)

    model = toy(body)
    fused = fuse(model)
    assert fused.get_layer("block_depthwise_conv").kernel_size == (5, 5)
    assert_equal(model, fused)


def test_normalisation_that_others_read_too_stays():
    def body(x):
        y = keras.layers.Conv2D(3, 3, padding="same", name="conv")(x)
        return keras.layers.Concatenate(name="join")([x, y])

    model = toy(body)
    fused = fuse(model)
    assert fused.get_layer("preprocessing").std == [60.0] * 3
    assert_equal(model, fused)


def test_mean_through_averages_and_resizing():
    """Both of them keep a constant a constant."""

    def body(x):
        small = keras.layers.AveragePooling2D(2, padding="same", name="half")(x)
        small = keras.layers.Conv2D(4, 1, padding="valid", name="low")(small)
        large = layers.ResizeToPartner("bilinear", name="third")([x, small])
        large = keras.layers.Conv2D(4, 1, padding="valid", name="high")(large)
        return keras.layers.Add(name="sum")([small, large])

    model = toy(body)
    fused = fuse(model)
    assert fused.get_layer("preprocessing").mean is None
    assert_equal(model, fused)


# Errors


def _functional(*middle):
    image = x = keras.Input((64, 64, 3))
    for layer in middle:
        x = layer(x)
    return keras.Model(image, x)


class _Subclassed(keras.Model):
    pass


OTHERS = {
    "dense": (
        lambda: _functional(keras.layers.Dense(4, name="dense")),
        "layer 'dense' of type Dense",
    ),
    "operation": (
        lambda: _functional(lambda x: x + 1, keras.layers.Conv2D(4, 1, name="conv")),
        "an operation before layer 'conv'",
    ),
    "last operation": (lambda: _functional(lambda x: x + 1), "of type Functional"),
    "twice": (
        lambda: _functional(*[keras.layers.Conv2D(3, 1, name="conv")] * 2),
        "each layer used once. Received: layer 'conv' of type Conv2D",
    ),
    "activation": (
        lambda: _functional(keras.layers.Conv2D(6, 1, activation="tanh", name="conv")),
        "Received: 'tanh' at conv",
    ),
    "end": (
        lambda: _functional(keras.layers.Conv2D(4, 1), keras.layers.MaxPooling2D(name="pool")),
        "Received: layer 'pool' of type MaxPooling2D at its end",
    ),
    "sequential": (
        lambda: keras.Sequential(
            [keras.Input((64, 64, 3)), keras.layers.Conv2D(4, 1, name="conv")]
        ),
        "an operation before layer 'conv'",
    ),
    "subclass": (lambda: _Subclassed(name="own"), "'own' of type _Subclassed"),
    "no model": (lambda: "scmnet", "'scmnet' of type str"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_are_refused_in_one_line(name):
    make, received = OTHERS[name]
    with pytest.raises(ValueError, match=r"^Expected ") as error:
        fuse(make())
    assert received in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_arguments(network):
    model = network("fastscnn")
    with pytest.raises(ValueError, match=r"output to be one of .*Received: output='classes'$"):
        fuse(model, "classes")
    for size in ((31, 64), (64,), 64, "64x64", (64.0, 64.0)):
        with pytest.raises(ValueError, match=r"^Expected size to be .*Received: size="):
            fuse(model, size=size)
    scores = keras.layers.Conv2D(257, 1)
    with pytest.raises(ValueError, match=r"^Expected at most 256 classes"):
        fuse(_functional(scores), "mask")
    heads, scores = keras.Input((64, 64, 3)), keras.layers.Conv2D(4, 1)
    with pytest.raises(ValueError, match=r"or a dict with 'main'\. Received: 'heads'"):
        fuse(keras.Model(heads, {"first": scores(heads)}, name="heads"))
