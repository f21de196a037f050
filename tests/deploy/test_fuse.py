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


@pytest.mark.parametrize("image_first", [True, False])
def test_normalisation_that_a_join_reads_stays(image_first):
    """Whichever place the image has among the maps that are joined."""

    def body(x):
        y = keras.layers.Conv2D(3, 3, padding="valid", name="conv")(x)
        y = layers.ResizeToPartner("bilinear", name="resize")([y, x])
        return keras.layers.Add(name="join")([x, y] if image_first else [y, x])

    model = toy(body)
    fused = fuse(model)
    assert fused.get_layer("preprocessing").std == [60.0] * 3
    assert_equal(model, fused)


# Models of one's own


def mixed(x):
    """Layers of the zoo among layers of Keras, some of which fusing does not know."""
    x = layers.DepthwiseSeparableConv2D(8, strides=2, padding="symmetric", name="down")(x)
    x = layers.InvertedResidual(8, activation="hard_silu", name="block")(x)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="tanh", name="conv")(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.ReLU(6, name="relu6")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    x = keras.layers.Conv2D(8, 1, name="pointwise")(x)
    x = keras.layers.BatchNormalization(name="pointwise_bn")(x)
    x = layers.ContextMiningModule(name="context")(x)
    x = keras.layers.SeparableConv2D(6, 3, padding="same", activation="gelu", name="separable")(x)
    return keras.layers.UpSampling2D(2, name="up")(x)


def test_a_model_of_layers_of_the_zoo_and_of_keras():
    model = toy(mixed, side=64)
    fused = fuse(model)
    assert kinds(fused).count("BatchNormalization") == 1  # between a tanh and a ReLU
    assert "Dropout" not in kinds(fused)
    names = {layer.name for layer in fused.layers}
    assert {"down_depthwise", "block_add", "context_atrous_pointwise", "separable", "up"} <= names
    x = images(64, 64, batch=2)
    expected = run(model, x)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run(fused, x), expected, atol=1e-5)
    np.testing.assert_array_equal(run(fuse(model, "mask"), x), expected.argmax(-1))
    logits = run(fuse(model, "logits"), x)
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(exponents / exponents.sum(-1, keepdims=True), expected, atol=1e-5)


def test_layers_that_are_called_twice():
    """Each call is a layer of its own, with the same weights."""

    def body(x):
        x = keras.layers.Conv2D(4, 1, name="first")(x)
        block = layers.InvertedResidual(4, expansion=2, name="shared")
        bn = keras.layers.BatchNormalization(name="bn")
        return bn(keras.layers.Conv2D(4, 1, name="second")(bn(block(block(x)))))

    model = toy(body)
    fused = fuse(model)
    names = {layer.name for layer in fused.layers}
    assert {"shared_expand_conv", "shared_expand_conv_1", "shared_add_1"} <= names
    assert "BatchNormalization" in kinds(fused)  # the first one reads a sum
    assert_equal(model, fused)


@pytest.mark.parametrize("structure", ["dict", "list"])
def test_several_outputs(structure):
    """A batch norm stays behind a convolution that is an output too."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.DepthwiseSeparableConv2D(4, name="block")(image)
    first = keras.layers.Conv2D(3, 1, name="first")(x)
    second = keras.layers.BatchNormalization(name="bn")(first)
    second = keras.layers.Softmax(name="softmax")(second)
    outputs = {"a": first, "b": second} if structure == "dict" else [first, second]
    model = randomise(keras.Model(image, outputs))
    fused = fuse(model)
    assert "BatchNormalization" in kinds(fused)
    x = images(33, 47)
    found, expected = run(fused, x), run(model, x)
    keras.tree.assert_same_structure(found, expected)
    for ours, theirs in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    masks = fuse(model, "mask")
    assert [mask.dtype for mask in masks.outputs] == ["uint8"] * 2
    if structure == "dict":
        assert set(masks.output) == {"a", "b"}


def test_models_and_operations_within_a_model():
    inner = keras.Sequential(
        [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.BatchNormalization(name="bn")],
        name="inner",
    )
    middle = keras.Input((None, None, 4))
    block = layers.InvertedResidual(4, expansion=2, name="block")(middle)
    nested = keras.Model(middle, [block, keras.layers.ReLU(name="relu")(middle)], name="nested")

    def body(x):
        first, second = nested(inner(x))
        low, high = keras.ops.split(keras.ops.add(first, second) * 0.5 + 1.0, 2, axis=-1)
        return keras.ops.concatenate([high, keras.ops.tanh(low)], axis=-1)

    model = toy(body)
    fused = fuse(model)
    assert "BatchNormalization" not in kinds(fused)
    assert {"inner_conv", "nested_block_add"} <= {layer.name for layer in fused.layers}
    x = images(33, 47, batch=2)
    np.testing.assert_allclose(run(fused, x), run(model, x), atol=1e-5)


def test_a_sequential_model():
    model = keras.Sequential(
        [keras.Input((None, None, 3)), layers.InvertedResidual(4), keras.layers.Conv2D(3, 1)]
    )
    randomise(model)
    x = images(33, 47)
    np.testing.assert_allclose(run(fuse(model), x), run(model, x), rtol=1e-4, atol=1e-3)


@keras.saving.register_keras_serializable("tests")
class _Scale(keras.layers.Layer):
    """A layer of one's own: it has a weight, and its call an argument."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

    def call(self, inputs, shift=0.0):
        return inputs * self.scale + shift

    def compute_output_shape(self, input_shape):
        return input_shape


def test_a_layer_of_ones_own_is_kept():
    def body(x):
        x = keras.layers.Conv2D(4, 1, name="conv")(x)
        return _Scale(name="scale")(keras.layers.BatchNormalization(name="bn")(x), shift=0.25)

    model = toy(body)
    fused = fuse(model)
    assert "_Scale" in kinds(fused)
    assert "BatchNormalization" not in kinds(fused)
    x = images(33, 47)
    np.testing.assert_allclose(run(fused, x), run(model, x), atol=1e-5)


def test_classes_of_probabilities_that_were_resized():
    """Mixed probabilities have another largest class than mixed logits: the softmax stays."""

    def body(x):
        return keras.layers.MaxPooling2D(3, name="pool")(x)

    small = toy(body)
    image = small.inputs[0]
    model = keras.Model(image, layers.ResizeToPartner("bilinear")([small.output, image]))
    fused = fuse(model, "mask")
    x = images(33, 47, batch=2)
    np.testing.assert_array_equal(run(fused, x), run(model, x).argmax(-1))
    with pytest.raises(ValueError, match=r"^Expected logits at the end, or a softmax after"):
        fuse(model, "logits")


def test_the_model_keeps_no_trace_of_fusing(network):
    model = network("scmnet")
    nodes = lambda: sum(  # noqa: E731
        len(layer._inbound_nodes) + len(layer._outbound_nodes) for layer in model._flatten_layers()
    )
    before = nodes()
    fuse(model)
    assert nodes() == before


# Errors


def _functional(*middle):
    image = x = keras.Input((64, 64, 3))
    for layer in middle:
        x = layer(x)
    return keras.Model(image, x)


class _Subclassed(keras.Model):
    pass


class _NoConfig(keras.layers.Layer):
    def __init__(self, width):
        super().__init__(name="own")

    def call(self, inputs):
        return inputs


def _two_images():
    images = [keras.Input((64, 64, 3)) for _ in range(2)]
    return keras.Model(images, keras.layers.Add()(images))


OTHERS = {
    "subclass": (lambda: _Subclassed(name="own"), "'own' of type _Subclassed"),
    "no model": (lambda: "scmnet", "'scmnet' of type str"),
    "batch statistics": (
        lambda: _functional(lambda x: keras.layers.BatchNormalization(name="bn")(x, training=True)),
        "layer 'bn' of type BatchNormalization, called with training=True",
    ),
    "composite in training": (
        lambda: _functional(lambda x: layers.InvertedResidual(3, name="block")(x, training=True)),
        "layer 'block_expand_bn' of type BatchNormalization, called with training=True",
    ),
    "dropout in inference": (
        lambda: _functional(lambda x: keras.layers.Dropout(0.5, name="drop")(x, training=True)),
        "layer 'drop' of type Dropout, called with training=True",
    ),
    "no config": (lambda: _functional(_NoConfig(3)), "layer 'own' of type _NoConfig"),
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
    with pytest.raises(ValueError, match=r"^Expected at most 256 classes"):
        fuse(_functional(keras.layers.Conv2D(257, 1)), "mask")
    with pytest.raises(ValueError, match=r"^Expected no size for a model whose input is not one"):
        fuse(_two_images(), size=(64, 64))
    sigmoid = keras.layers.Conv2D(4, 1, activation="sigmoid", name="scores")
    with pytest.raises(ValueError, match=r"Received: layer 'scores_sigmoid' of type Activation"):
        fuse(_functional(sigmoid), "logits")
