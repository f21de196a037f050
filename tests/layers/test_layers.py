"""What every public layer keeps to, and the layers' numbers against Keras and PyTorch."""

import doctest
import importlib

import keras
import numpy as np
import pytest
from testing_tools import (
    assert_same_weights,
    channels_first,
    gradients,
    randomise,
    relative_error,
    run,
)

from scmnet_zoo import layers
from scmnet_zoo.layers.adaptive_average_pooling import adaptive_average_pool
from scmnet_zoo.layers.resize import INTERPOLATIONS, resize

BACKEND = keras.backend.backend()

# Each layer with arguments other than its defaults, and the shapes of its inputs.
MAP = (16, 24, 8)
CASES = {
    "AdaptiveAveragePooling2D": ({"bins": 3}, MAP),
    "AtrousSpatialPyramidPooling": (
        {"filters": 6, "rates": (2, 3), "dropout": 0.3, "momentum": 0.9, "epsilon": 1e-3},
        MAP,
    ),
    "OnePassBatchNormalization": ({"momentum": 0.9, "epsilon": 1e-5, "center": False}, MAP),
    "ClassMask": ({}, [(8, 12, 4), (15, 23, 2)]),
    "ContextMiningModule": ({"dilation_rate": 3}, MAP),
    "FastConv2D": ({"filters": 5, "kernel_size": 1, "activation": "relu"}, MAP),
    "FastDepthwiseConv2D": (
        {"kernel_size": 3, "form": "shifted", "strides": 2, "padding": "same", "use_bias": True},
        MAP,
    ),
    "DepthwiseSeparableConv2D": (
        {
            "filters": 6,
            "kernel_size": 5,
            "strides": 2,
            "activation": "relu6",
            "depthwise_batchnorm": True,
            "depthwise_activation": "relu6",
            "use_bias": False,
            "padding": "symmetric",
            "momentum": 0.9,
            "epsilon": 1e-5,
        },
        MAP,
    ),
    "DilatedMaxPooling2D": ({"dilation_rate": 3}, MAP),
    "DeepShallowFeatureFusion": (
        {"filters": 6, "dilation_rate": 1},
        [(2**i, 2 ** (i + 1), 4) for i in range(6)],
    ),
    "ImageInput": ({"mean": [1, 2, 3], "std": [4, 5, 6]}, (32, 48, 3)),
    "InvertedResidual": (
        {
            "filters": 8,
            "expansion": 2,
            "dilation_rate": 2,
            "residual": False,
            "activation": "relu6",
            "use_bias": False,
            "padding": "symmetric",
            "momentum": 0.9,
            "epsilon": 1e-5,
            "kernel_size": 5,
            "inner_batchnorm": False,
        },
        MAP,
    ),
    "LinearAttention": ({"head_width": 4}, (8, 12, 24)),
    "MultiScaleLinearAttention": (
        {"filters": 6, "head_width": 4, "kernel_size": 3, "momentum": 0.9, "epsilon": 1e-5},
        MAP,
    ),
    "PyramidPooling": (
        {"filters": 6, "bins": (1, 3), "momentum": 0.9, "epsilon": 1e-5},
        MAP,
    ),
    "ResizeTo": ({"size": (15, 23), "interpolation": "bilinear_align_corners"}, (8, 12, 4)),
    "ResizeToPartner": ({"interpolation": "bilinear"}, [(8, 12, 4), (15, 23, 2)]),
}
FIXED_SIDES = ("AdaptiveAveragePooling2D", "ResizeTo")  # whatever the input's
DROP_INS = ("FastConv2D", "FastDepthwiseConv2D", "OnePassBatchNormalization")  # for layers of Keras
every_layer = pytest.mark.parametrize("name", layers.__all__)


def make(name):
    return getattr(layers, name)(**CASES[name][0], name="layer")


def shapes(name):
    stated = CASES[name][1]
    return stated if isinstance(stated, list) else [stated]


def model_of(name, layer=None, free_sizes=False):
    inputs = [
        keras.Input((None, None, shape[-1]) if free_sizes else shape, name=f"input{i}")
        for i, shape in enumerate(shapes(name))
    ]
    layer = make(name) if layer is None else layer
    return keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))


def data(name, batch=2):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(batch, *shape)).astype("float32") for shape in shapes(name)]
    return x if len(x) > 1 else x[0]


# Every layer


@every_layer
def test_documented_example(name):
    module = importlib.import_module(getattr(layers, name).__module__)
    names = {"keras": keras, **vars(module)}
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(getattr(layers, name), name, globs=names)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@every_layer
def test_config_round_trip(name):
    layer = make(name)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for key, value in CASES[name][0].items():
        stored = layer.get_config()[key]
        if isinstance(value, list | tuple):
            assert list(stored) == list(value), key
        elif key in ("kernel_size", "strides"):
            assert stored in (value, (value, value)), key
        else:
            assert stored == value, key


@every_layer
def test_stated_shape_is_the_real_one(name):
    model = model_of(name)
    y = run(model, data(name))
    assert y.shape == (2, *model.output_shape[1:])
    free = model_of(name, free_sizes=True)
    sides = y.shape[1:3] if name in FIXED_SIDES else (None, None)
    assert free.output_shape == (None, *sides, *y.shape[3:])


@every_layer
def test_saved_model_loads_with_all_weights(name, tmp_path):
    model = randomise(model_of(name))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_weights(loaded, model)
    np.testing.assert_allclose(run(loaded, data(name)), run(model, data(name)), atol=1e-6)


@every_layer
def test_saved_weights_load_completely(name, tmp_path):
    model = randomise(model_of(name))
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = randomise(model_of(name), seed=1)
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_same_weights(fresh, model)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@every_layer
def test_mixed_precision_reaches_the_sublayers(name, policy):
    keras.utils.set_random_seed(0)
    layer = getattr(layers, name)(**CASES[name][0], dtype=policy, name="layer")
    model = model_of(name, layer)
    expected = "float32" if name == "ImageInput" else policy.removeprefix("mixed_")
    for sublayer in layer._flatten_layers():
        assert sublayer.compute_dtype == expected, sublayer.path
        assert sublayer.variable_dtype == "float32", sublayer.path
    given = "uint8" if name == "ClassMask" else expected
    assert keras.backend.standardize_dtype(model.output.dtype) == given
    y = run(model, data(name))
    assert y.dtype == given
    y = y.astype("float32")
    whole = make(name)
    reference = model_of(name, whole)
    reference.set_weights(model.get_weights())
    np.testing.assert_allclose(y, run(reference, data(name)), atol=0.15, rtol=0.05)


@every_layer
def test_gradients_reach_every_weight(name):
    model = randomise(model_of(name))
    if not model.trainable_variables:
        pytest.skip("has no weights")
    x = data(name)
    found = gradients(model, x)
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert gradient is not None, variable.path
        assert np.any(gradient), variable.path


@every_layer
def test_sizes_unknown_to_the_graph_give_the_same(name):
    if BACKEND != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown sizes")
    import tensorflow as tf

    model = randomise(model_of(name, free_sizes=True))
    x = data(name)
    many = isinstance(x, list)
    channels = [shape[-1] for shape in shapes(name)]
    signature = [tf.TensorSpec((None, None, None, c), "float32") for c in channels]
    graph = tf.function(
        lambda *x: model(list(x) if many else x[0], training=False), input_signature=signature
    )
    y = graph(*x) if many else graph(x)
    np.testing.assert_allclose(y.numpy(), run(model, x), atol=1e-4, rtol=1e-4)


# FastDepthwiseConv2D


@pytest.mark.parametrize("form", ["native", "shifted"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 1},
        {"kernel_size": 3},
        {"kernel_size": 3, "strides": 2},
        {"kernel_size": 3, "strides": 2, "padding": "valid"},
        {"kernel_size": 3, "dilation_rate": 2},
        {"kernel_size": 3, "dilation_rate": (2, 3), "padding": "valid"},
        {"kernel_size": 3, "depth_multiplier": 2},
        {"kernel_size": 3, "depth_multiplier": 3, "strides": 2},
        {"kernel_size": 5, "strides": 3},
        {"kernel_size": 5, "dilation_rate": 4},
        {"kernel_size": (3, 5)},
        {"kernel_size": (3, 5), "strides": 2, "padding": "valid"},
        {"kernel_size": 3, "activation": "relu", "bias_initializer": "random_normal"},
        {"kernel_size": 3, "use_bias": False},
    ],
    ids=str,
)
def test_depthwise_equals_keras(arguments, form):
    arguments = {"padding": "same", **arguments}
    x = np.random.default_rng(0).normal(size=(2, 17, 20, 4)).astype("float32")
    inputs = keras.Input((17, 20, 4))
    stock = keras.Model(inputs, keras.layers.DepthwiseConv2D(**arguments)(inputs))
    ours = keras.Model(inputs, layers.FastDepthwiseConv2D(**arguments, form=form)(inputs))
    ours.set_weights(stock.get_weights())
    expected = run(stock, x)
    assert ours.output_shape == stock.output_shape
    assert expected.shape[1:] == ours.output_shape[1:]
    np.testing.assert_allclose(run(ours, x), expected, atol=1e-5)
    for a, b in zip(gradients(ours, x), gradients(stock, x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    if BACKEND == "tensorflow":
        np.testing.assert_allclose(_input_gradient(ours, x), _input_gradient(stock, x), atol=1e-5)


def _input_gradient(model, x):
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.square(model(x)))
    return tape.gradient(loss, x).numpy()


@pytest.mark.skipif(BACKEND != "torch", reason="other backends compute as Keras does")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "arguments",
    [{"padding": "same"}, {"strides": 2, "padding": "same"}, {"dilation_rate": 2}],
    ids=str,
)
def test_depthwise_in_half_precision_on_the_cpu(arguments, data_format, monkeypatch):
    """PyTorch's CPU computes in float32 what it would compute slowly or wrongly in bfloat16."""
    import torch

    convolve, types = torch.nn.functional.conv2d, set()

    def spy(x, *others, **named):
        types.add(x.dtype)
        return convolve(x, *others, **named)

    monkeypatch.setattr(torch.nn.functional, "conv2d", spy)
    shape = (17, 20, 4) if data_format == "channels_last" else (4, 17, 20)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    arguments = {**arguments, "data_format": data_format, "bias_initializer": "random_normal"}
    models = []
    for policy in ("float32", "mixed_bfloat16"):
        layer = layers.FastDepthwiseConv2D(3, activation="relu", dtype=policy, **arguments)
        inputs = keras.Input(shape)
        models.append(keras.Model(inputs, layer(inputs)))
    exact, half = models
    half.set_weights(exact.get_weights())
    y = half(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert types == {torch.float32}
    expected = run(exact, x)
    actual = keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))
    assert relative_error(actual, expected) < 2**-7
    for a, b in zip(gradients(half, x), gradients(exact, x), strict=True):
        assert a.dtype == "float32"
        assert relative_error(a, b) < 2**-6


def test_depthwise_takes_the_arguments_in_the_order_of_keras():
    ours = layers.FastDepthwiseConv2D((3, 5), 2, "same", 3, "channels_last", 1, "relu", False)
    stock = keras.layers.DepthwiseConv2D((3, 5), 2, "same", 3, "channels_last", 1, "relu", False)
    config = ours.get_config()
    assert config.pop("form") == "auto"
    assert {**config, "name": stock.name} == stock.get_config()


def test_depthwise_refuses_unknown_forms():
    with pytest.raises(ValueError, match=r"Expected form .* Received: form='fast'"):
        layers.FastDepthwiseConv2D(3, form="fast")
    with pytest.raises(ValueError, match=r"Expected data_format='channels_last'"):
        layers.FastDepthwiseConv2D(3, form="shifted", data_format="channels_first")


# In groups


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_convolution_in_groups_equals_pytorch(kernel_size):
    torch = pytest.importorskip("torch")
    if BACKEND == "jax" and kernel_size == 3:
        pytest.skip("as Keras")
    x = np.random.default_rng(0).normal(size=(2, 9, 11, 12)).astype("float32")
    inputs = keras.Input((9, 11, 12))
    layer = layers.FastConv2D(6, kernel_size, groups=3, padding="same", use_bias=True)
    model = randomise(keras.Model(inputs, layer(inputs)))
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in layer.weights)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()),
        torch.from_numpy(bias.copy()),
        padding="same",
        groups=3,
    )
    np.testing.assert_allclose(run(model, x), expected.numpy().transpose(0, 2, 3, 1), atol=1e-5)


# Linear attention


def test_linear_attention_is_what_its_formula_says():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 24)).astype("float32")
    y = run(keras.Sequential([keras.Input((3, 5, 24)), layers.LinearAttention(4)]), x)
    heads = x.reshape(2, 15, 2, 12).transpose(0, 2, 1, 3)
    q, k, v = np.maximum(heads[..., :4], 0), np.maximum(heads[..., 4:8], 0), heads[..., 8:]
    likeness = q @ k.transpose(0, 1, 3, 2)  # of each pixel with each, as the layer never makes it
    expected = likeness @ v / (likeness.sum(-1, keepdims=True) + 1e-15)
    expected = expected.transpose(0, 2, 1, 3).reshape(2, 3, 5, 8)
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_linear_attention_sums_in_float32():
    """Sums over this many pixels are beyond float16."""
    x = np.full((1, 64, 64, 6), 8.0, "float32")
    inputs = keras.Input((64, 64, 6))
    model = keras.Model(inputs, layers.LinearAttention(2, dtype="mixed_float16")(inputs))
    np.testing.assert_allclose(run(model, x).astype("float32"), x[..., :2], rtol=1e-3)


@pytest.mark.parametrize(
    "layer", [layers.LinearAttention(4), layers.MultiScaleLinearAttention(8, head_width=5)]
)
def test_attention_wants_whole_heads(layer):
    with pytest.raises(ValueError, match=r"^Expected a number of channels .* Received: input_sha"):
        layer(np.zeros((1, 4, 4, 8), "float32"))


# Padding


@pytest.mark.parametrize("side", [16, 17])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(3, 1), (5, 1)])
def test_symmetric_padding_equals_pytorch(side, kernel_size, dilation):
    torch = pytest.importorskip("torch")
    layer = layers.DepthwiseSeparableConv2D(
        4, kernel_size, strides=2, dilation_rate=dilation, activation=None, padding="symmetric"
    )
    x = np.random.default_rng(0).normal(size=(1, side, side, 4)).astype("float32")
    inputs = keras.Input((side, side, 4))
    model = keras.Model(inputs, layer(inputs))
    kernel = keras.ops.convert_to_numpy(layer.depthwise.kernel)
    layer.pointwise.kernel.assign(np.eye(4)[None, None])
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(kernel.transpose(2, 3, 0, 1).copy()),
        stride=2,
        padding=dilation * (kernel_size - 1) // 2,
        dilation=dilation,
        groups=4,
    )
    expected = expected.numpy().transpose(0, 2, 3, 1) / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(run(model, x), expected, atol=1e-5)


@pytest.mark.parametrize("side", [16, 17])
def test_an_inverted_residual_of_another_kernel_equals_pytorch(side):
    torch = pytest.importorskip("torch")
    layer = layers.InvertedResidual(
        4,
        expansion=None,
        strides=2,
        activation=None,
        padding="symmetric",
        epsilon=0.0,
        kernel_size=5,
    )
    x = np.random.default_rng(0).normal(size=(1, side, 2 * side, 4)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    kernel = keras.ops.convert_to_numpy(layer.depthwise_conv.kernel)
    assert kernel.shape == (5, 5, 4, 1)
    layer.project_conv.kernel.assign(np.eye(4)[None, None])
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()),
        torch.from_numpy(kernel.transpose(2, 3, 0, 1).copy()),
        stride=2,
        padding=2,
        groups=4,
    )
    assert model.output_shape[1:] == (-(-side // 2), side, 4)
    np.testing.assert_allclose(run(model, x), expected.numpy().transpose(0, 2, 3, 1), atol=1e-5)


def test_padding_is_checked():
    with pytest.raises(ValueError, match=r"Expected padding .* Received: padding='valid'"):
        layers.DepthwiseSeparableConv2D(4, padding="valid")
    with pytest.raises(ValueError, match=r"Expected padding .* Received: padding='valid'"):
        layers.InvertedResidual(4, padding="valid")


def test_symmetric_padding_wants_an_odd_kernel():
    with pytest.raises(ValueError, match=r"^Expected an odd kernel_size .*: kernel_size=4$"):
        layers.DepthwiseSeparableConv2D(4, kernel_size=4, strides=2, padding="symmetric")
    with pytest.raises(ValueError, match=r"^Expected an odd kernel_size\. .*: kernel_size=4$"):
        layers.InvertedResidual(4, kernel_size=4)


@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize(("kernel_size", "dilation_rate"), [(3, 1), (3, 2), (5, 1)])
@pytest.mark.parametrize("block", [layers.DepthwiseSeparableConv2D, layers.InvertedResidual])
def test_symmetric_padding_of_small_maps(block, kernel_size, dilation_rate, side):
    """What is convolved is the padded map, whose sides the kernel fits."""
    layer = block(
        4,
        kernel_size=kernel_size,
        strides=2,
        dilation_rate=dilation_rate,
        padding="symmetric",
    )
    inputs = keras.Input((side, 9, 3))
    model = keras.Model(inputs, layer(inputs))
    assert run(model, np.ones((1, side, 9, 3))).shape == (1, *model.output_shape[1:])


# Whatever order of axes Keras is set to


@pytest.mark.parametrize("name", [name for name in layers.__all__ if name not in DROP_INS])
def test_channels_are_last_whatever_keras_is_set_to(name):
    model = randomise(model_of(name))
    expected = run(model, data(name))
    with channels_first():
        other = model_of(name)
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(run(other, data(name)), expected, atol=1e-6)


# Pooling and resizing


@pytest.mark.parametrize("size", [None, (12, 20), (11, 17), (3, 5)])
def test_class_mask(size):
    """Equal to the argmax of what `ResizeToPartner` makes of the scores."""
    as_numpy = keras.ops.convert_to_numpy
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 6, 10, 256)).astype("float32")
    scores[:, 2, 3, 255] = 9
    if size is None:
        mask = as_numpy(layers.ClassMask()(scores))
        expected = scores.argmax(-1)
    else:
        pair = [scores, np.zeros((2, *size, 1), "float32")]
        mask = as_numpy(layers.ClassMask()(pair))
        expected = as_numpy(layers.ResizeToPartner("nearest")(pair)).argmax(-1)
    assert mask.dtype == "uint8"
    assert mask.max() == 255
    np.testing.assert_array_equal(mask, expected)


def test_class_mask_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"at most 256 classes.*Received: 257"):
        layers.ClassMask()(keras.Input((8, 8, 257)))
    with pytest.raises(ValueError, match=r"Expected a map .* or a pair of maps\. Received"):
        layers.ClassMask()(keras.Input((8, 4)))


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(1, 2), (6, 12), (7, 11), (5, 4), (23, 32)])
def test_adaptive_average_pool_equals_pytorch(size, bins):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    pooled = keras.ops.convert_to_numpy(adaptive_average_pool(keras.ops.array(x), bins))
    reference = torch.nn.AdaptiveAvgPool2d(bins)(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(pooled, reference.numpy().transpose(0, 2, 3, 1), atol=1e-5)


RESIZES = [
    ((5, 7), (20, 28)),
    ((5, 7), (17, 23)),
    ((16, 24), (4, 6)),
    ((16, 24), (5, 7)),
    ((1, 1), (4, 3)),
    ((9, 4), (1, 1)),
    ((6, 6), (6, 6)),
    ((3, 8), (9, 4)),
]


@pytest.mark.parametrize(("old", "new"), RESIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_equals_pytorch(old, new, interpolation):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, *old, 3)).astype("float32")
    partner = np.zeros((2, *new, 1), "float32")
    layer = layers.ResizeToPartner(interpolation)
    y = keras.ops.convert_to_numpy(layer([keras.ops.array(x), keras.ops.array(partner)]))
    mode = {"nearest": "nearest-exact", "bicubic": "bicubic"}.get(interpolation, "bilinear")
    align = None if interpolation == "nearest" else interpolation.endswith("align_corners")
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), new, mode=mode, align_corners=align
    )
    np.testing.assert_allclose(y, reference.numpy().transpose(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize(("old", "new"), RESIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_with_known_and_unknown_sizes_is_the_same(old, new, interpolation):
    if BACKEND != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown sizes")
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(2, *old, 3)).astype("float32")
    map_of_any_size = tf.TensorSpec((None, None, None, 3), "float32")
    graph = tf.function(
        lambda x, size: resize(x, (size[0], size[1]), interpolation),
        input_signature=[map_of_any_size, tf.TensorSpec((2,), "int32")],
    )
    unknown = graph(x, np.array(new, "int32")).numpy()
    np.testing.assert_allclose(unknown, resize(tf.constant(x), new, interpolation), atol=1e-5)


@pytest.mark.parametrize("interpolation", ["bilinear", "bilinear_align_corners"])
def test_resized_whole_numbers_are_rounded(interpolation):
    x = np.arange(0, 240, 10).reshape(1, 4, 6, 1)
    resized = layers.ResizeTo((3, 9), interpolation)
    expected = keras.ops.convert_to_numpy(resized(x.astype("float32")))
    found = keras.ops.convert_to_numpy(resized(keras.ops.array(x, "uint8")))
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected.clip(0, 255), atol=0.5001)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_to_a_size(interpolation):
    """Equal to `ResizeToPartner` with a partner of that size."""
    x = keras.ops.array(np.random.default_rng(0).normal(size=(2, 6, 10, 3)).astype("float32"))
    found = layers.ResizeTo((11, 17), interpolation)(x)
    partner = keras.ops.zeros((2, 11, 17, 1))
    expected = layers.ResizeToPartner(interpolation)([x, partner])
    as_numpy = keras.ops.convert_to_numpy
    np.testing.assert_array_equal(as_numpy(found), as_numpy(expected))


@pytest.mark.parametrize("size", [(8,), (8, 0), 8, (8.0, 8)])
def test_resize_to_refuses_what_is_no_size(size):
    with pytest.raises(ValueError, match=r"Expected size to be \(height, width\)"):
        layers.ResizeTo(size)


def test_resize_refuses_what_is_not_a_pair():
    with pytest.raises(ValueError, match=r"Expected interpolation .* Received: .*'cubic'"):
        layers.ResizeToPartner("cubic")
    with pytest.raises(ValueError, match="Expected a pair of maps"):
        layers.ResizeToPartner()(keras.Input((8, 8, 3)))


# What else the layers refuse


def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        layers.ContextMiningModule()(keras.Input((8, 8, 6)))
    with pytest.raises(ValueError, match="multiple of 4"):
        layers.PyramidPooling(8)(keras.Input((8, 8, 6)))
    with pytest.raises(ValueError, match="3 numbers, one for each channel"):
        layers.ImageInput([1, 2], [1, 2])(keras.Input((32, 32, 3)))


def test_image_input_wants_both_statistics():
    with pytest.raises(ValueError, match="both or neither"):
        layers.ImageInput(mean=[1, 2, 3])


def test_fusion_refuses_maps_that_do_not_halve():
    maps = [keras.Input((8, 8, 4)) for _ in range(6)]
    with pytest.raises(ValueError, match="half the next one's sides"):
        layers.DeepShallowFeatureFusion(4)(maps)
    with pytest.raises(ValueError, match="Expected 6 maps"):
        layers.DeepShallowFeatureFusion(4)(maps[:5])


def test_pyramid_pooling_wants_bins():
    with pytest.raises(ValueError, match=r"^Expected one bin count or more\. Received: bins=\(\)$"):
        layers.PyramidPooling(8, bins=())


def test_depthwise_activation_needs_its_batchnorm():
    with pytest.raises(ValueError, match="Expected depthwise_batchnorm=True"):
        layers.DepthwiseSeparableConv2D(4, depthwise_activation="relu")
