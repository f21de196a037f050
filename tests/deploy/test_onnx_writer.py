"""The ONNX writer, layer by layer: what ONNX Runtime computes is what Keras computes."""

import keras
import numpy as np
import pytest
from testing_tools import images, randomise

from scmnet_zoo import layers as zoo

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from scmnet_zoo.deploy import onnx_mask  # noqa: E402
from scmnet_zoo.deploy.onnx_channels import BLOCK  # noqa: E402
from scmnet_zoo.deploy.onnx_writer import to_onnx  # noqa: E402
from scmnet_zoo.layers.resize import INTERPOLATIONS  # noqa: E402

kl = keras.layers
SIZES = [(33, 40), (34, 47)]  # both parities of both sides


def _check(build, dynamic, channels=4, half=False, tolerance=1e-5, for_openvino=False):
    """A model gives in ONNX Runtime what it gives in Keras, at sides of any parity."""
    rng = np.random.default_rng(0)
    session = None
    for size in SIZES:
        if session is None or not dynamic:
            inputs = keras.Input((*((None, None) if dynamic else size), channels))
            model = randomise(keras.Model(inputs, build(inputs)))
            written = to_onnx(model, "out", half, for_openvino=for_openvino)
            session = ort.InferenceSession(written.SerializeToString())
        x = rng.normal(0, 1, (1, *size, channels)).astype("float32")
        expected = keras.ops.convert_to_numpy(model(x))
        if expected.ndim == 4:
            expected = np.moveaxis(expected, -1, 1)
        found = session.run(None, {"image": x})[0]
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        if found.dtype == np.uint8:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, atol=tolerance, rtol=tolerance)
    return written


LAYERS = {
    "conv": lambda x: kl.Conv2D(6, 3, padding="same")(x),
    "conv_valid_no_bias": lambda x: kl.Conv2D(6, (3, 1), padding="valid", use_bias=False)(x),
    "conv_stride": lambda x: kl.Conv2D(6, 3, 2, padding="same")(x),
    "conv_stride_3": lambda x: kl.Conv2D(6, (5, 2), (3, 2), padding="same")(x),
    "conv_pointwise_stride": lambda x: kl.Conv2D(6, 1, 2, padding="same")(x),
    "conv_dilated": lambda x: kl.Conv2D(6, 3, padding="same", dilation_rate=(4, 2))(x),
    "conv_even": lambda x: kl.Conv2D(6, 4, padding="same")(x),
    "conv_groups": lambda x: kl.Conv2D(6, 3, groups=2, padding="same")(x),
    "conv_groups_pointwise": lambda x: zoo.FastConv2D(6, 1, groups=2)(x),
    "conv_padded": lambda x: kl.Conv2D(6, 3, 2)(kl.ZeroPadding2D(((1, 2), (0, 3)))(x)),
    "padding_twice": lambda x: kl.Conv2D(6, 3)(kl.ZeroPadding2D(1)(kl.ZeroPadding2D(2)(x))),
    "padding_kept": lambda x: kl.Activation("relu")(kl.ZeroPadding2D(((1, 2), (0, 3)))(x)),
    "depthwise": lambda x: zoo.FastDepthwiseConv2D(3, padding="same")(x),
    "depthwise_stride": lambda x: zoo.FastDepthwiseConv2D(3, strides=2, padding="same")(x),
    "depthwise_dilated": lambda x: zoo.FastDepthwiseConv2D(3, padding="same", dilation_rate=6)(x),
    "depthwise_padded": lambda x: zoo.FastDepthwiseConv2D(3, strides=2)(kl.ZeroPadding2D(1)(x)),
    "depthwise_double": lambda x: zoo.FastDepthwiseConv2D(3, depth_multiplier=2)(x),
    "relu": lambda x: kl.Activation("relu")(x),
    "relu6": lambda x: kl.Activation("relu6")(kl.Conv2D(6, 1, kernel_initializer="ones")(x)),
    "silu": lambda x: kl.Activation("silu")(x),
    "hard_silu": lambda x: kl.Activation("hard_silu")(x),
    "softmax": lambda x: kl.Activation("softmax")(x),
    "add": lambda x: kl.Add()([x, kl.Activation("relu")(x)]),
    "add_three": lambda x: kl.Add()([x, kl.Activation("relu")(x), kl.Activation("silu")(x)]),
    "concatenate": lambda x: kl.Concatenate()([x, kl.Conv2D(3, 1)(x)]),
    "max_pool": lambda x: kl.MaxPooling2D(3, 2, padding="same")(x),
    "max_pool_valid": lambda x: kl.MaxPooling2D(2)(x),
    "average_pool": lambda x: kl.AveragePooling2D(2, padding="same")(x),
    "average_pool_3": lambda x: kl.AveragePooling2D(3, 2, padding="same")(x),
    "global_pool": lambda x: kl.GlobalAveragePooling2D(keepdims=True)(x),
    "adaptive_pool": lambda x: zoo.AdaptiveAveragePooling2D(6)(x),
    "dilated_max_pool": lambda x: zoo.DilatedMaxPooling2D(2)(x),
    "batch_norm": lambda x: kl.BatchNormalization()(x),
    "batch_norm_bare": lambda x: kl.BatchNormalization(scale=False, center=False)(x),
    "image_input": lambda x: zoo.ImageInput([1.0, 2.0, 3.0, 4.0], [0.5, 2.0, 1.0, 4.0])(x),
    "image_input_centred": lambda x: zoo.ImageInput([1.0, 2.0, 3.0, 4.0], [1.0] * 4)(x),
    "image_input_plain": lambda x: kl.Activation("relu")(zoo.ImageInput()(x)),
    "linear_attention": lambda x: zoo.LinearAttention(2)(kl.Conv2D(12, 1)(x)),
    "class_mask": lambda x: zoo.ClassMask()(x),
    "class_mask_upsampled": lambda x: zoo.ClassMask()([kl.MaxPooling2D(2, padding="same")(x), x]),
}


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, dynamic):
    _check(LAYERS[name], dynamic)


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("way", ["up_2", "up_8", "down", "spread", "down_to_one"])
def test_resize(interpolation, way, dynamic):
    """Half sizes rounded up, as in the networks; whole factors only where sides are even."""

    def build(x):
        small = kl.MaxPooling2D(8 if way == "up_8" else 2, padding="same")(x)
        if way == "spread":
            small = kl.GlobalAveragePooling2D(keepdims=True)(x)
        pair = [small, x]
        if way == "down":
            pair = [x, kl.MaxPooling2D(3, padding="same")(x)]
        if way == "down_to_one":
            pair = [x, kl.GlobalAveragePooling2D(keepdims=True)(x)]
        return zoo.ResizeToPartner(interpolation)(pair)

    _check(build, dynamic, tolerance=2e-5)


@pytest.mark.parametrize("for_openvino", [False, True], ids=["onnxruntime", "openvino"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("pool", [2, 8, 64], ids=["up_2", "up_8", "up_from_one"])
def test_mask_of_upsampled_scores(pool, interpolation, dynamic, for_openvino, monkeypatch):
    monkeypatch.setattr(onnx_mask, "STRIP", 16)

    def build(x):
        small = kl.MaxPooling2D(pool, padding="same")(x)
        return zoo.ClassMask()(zoo.ResizeToPartner(interpolation)([small, x]))

    _check(build, dynamic, channels=19, for_openvino=for_openvino)


@pytest.mark.parametrize("for_openvino", [False, True], ids=["onnxruntime", "openvino"])
def test_scores_are_upsampled_in_strips_where_only_the_mask_reads_them(for_openvino):
    def strips(build):
        inputs = keras.Input((80, 96, 5))
        small = kl.MaxPooling2D(2)(inputs)
        scores = zoo.ResizeToPartner("bilinear")([small, inputs])
        written = to_onnx(keras.Model(inputs, build(scores)), for_openvino=for_openvino)
        shapes = onnx.shape_inference.infer_shapes(written).graph.value_info
        shape = {info.name: info.type.tensor_type.shape.dim for info in shapes}
        decided = [shape[n.input[0]] for n in written.graph.node if n.op_type == "ArgMax"]
        return [[side.dim_value for side in one[-2:]] for one in decided]

    assert strips(zoo.ClassMask()) == [[64, 96], [16, 96]]
    whole = [] if for_openvino else [[96, 5]]  # there it has comparisons; here the classes are last
    assert strips(lambda x: zoo.ClassMask()(kl.Activation("relu")(x))) == whole
    assert strips(lambda x: zoo.ClassMask()([x, kl.ZeroPadding2D(1)(x)])) == whole


def test_mask_of_upsampled_scores_in_half_precision():
    inputs = keras.Input((80, 96, 19))
    scores = zoo.ImageInput()(inputs)
    small = kl.MaxPooling2D(8, padding="same")(scores)
    model = keras.Model(inputs, zoo.ClassMask()(zoo.ResizeToPartner("bilinear")([small, scores])))
    x = np.random.default_rng(0).normal(size=(1, 80, 96, 19)).astype("float32")
    session = ort.InferenceSession(to_onnx(model, half=True).SerializeToString())
    found = session.run(None, {"image": x})[0]
    equal = found == keras.ops.convert_to_numpy(model(x))
    assert found.shape == (1, 80, 96)
    assert equal.mean() > 0.99  # scores within a rounding of each other


def test_nearest_takes_the_pixels_of_keras():
    """In floats, as ONNX rounds, it would at some odd sizes take the neighbour."""
    for size in [(31, 32), (45, 59), (61, 33), (97, 34)]:
        inputs = keras.Input((*size, 2))
        half = kl.MaxPooling2D(2, padding="same")(inputs)
        model = keras.Model(inputs, zoo.ResizeToPartner("nearest")([half, inputs]))
        x = np.random.default_rng(0).normal(size=(1, *size, 2)).astype("float32")
        session = ort.InferenceSession(to_onnx(model).SerializeToString())
        expected = np.moveaxis(keras.ops.convert_to_numpy(model(x)), -1, 1)
        np.testing.assert_array_equal(session.run(None, {"image": x})[0], expected)


def _wide(x):
    """24 channels that meet every layer which hands channels of zeros on."""
    x = kl.Conv2D(24, 3, 2, padding="same", name="stem")(x)
    x = kl.Activation("silu")(x)
    y = zoo.FastDepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = kl.MaxPooling2D(2, padding="same")(kl.Add()([x, y]))
    y = zoo.ResizeToPartner("bilinear")([y, x])
    return kl.Conv2D(5, 1, name="head")(kl.Add()([y, x]))


def _averaged(convolution, size=(36, 44), channels=3):
    """The graph of a convolution of an image's averages, compared; its nodes' kinds."""
    inputs = keras.Input((*size, channels))
    x = convolution(kl.AveragePooling2D(2, padding="same")(inputs))
    model = randomise(keras.Model(inputs, x))
    written = to_onnx(model)
    x = np.random.default_rng(0).normal(size=(1, *size, channels)).astype("float32")
    found = ort.InferenceSession(written.SerializeToString()).run(None, {"image": x})[0]
    expected = np.moveaxis(keras.ops.convert_to_numpy(model(x)), -1, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    return [node.op_type for node in written.graph.node]


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_averages_of_the_image_go_into_the_convolution(strides, padding):
    kinds = _averaged(kl.Conv2D(5, 3, strides, padding=padding))
    assert kinds == ["Transpose", "Conv"]


def test_averages_that_stay():
    """Of an odd side, of many channels, or read by something else than a plain convolution."""
    assert "AveragePool" in _averaged(kl.Conv2D(5, 3, 2, padding="same"), (35, 44))
    assert "AveragePool" in _averaged(kl.Conv2D(5, 3, 2, padding="same"), channels=8)
    assert "AveragePool" in _averaged(kl.Conv2D(5, 3, padding="same", dilation_rate=2))
    assert "AveragePool" in _averaged(zoo.FastDepthwiseConv2D(3, padding="same"))
    assert "AveragePool" in _averaged(lambda x: kl.Add()([x, kl.Conv2D(3, 1)(x)]))
    assert "AveragePool" in _averaged(lambda x: x)


@pytest.mark.parametrize("for_openvino", [False, True], ids=["onnxruntime", "openvino"])
@pytest.mark.parametrize("half", [False, True], ids=["float", "half"])
def test_the_first_of_equal_classes(half, for_openvino):
    """As NumPy's and Keras's argmax have it."""
    inputs = keras.Input((32, 32, 256))
    model = keras.Model(inputs, zoo.ClassMask()(zoo.ImageInput()(inputs)))
    x = np.zeros((1, 32, 32, 256), "float32")
    x[0, 0, 0, [3, 200]] = 1
    x[0, 0, 1, 255] = 1
    written = to_onnx(model, half=half, for_openvino=for_openvino)
    found = ort.InferenceSession(written.SerializeToString()).run(None, {"image": x})[0]
    np.testing.assert_array_equal(found, x.argmax(-1))


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
def test_channels_of_zeros_are_appended_where_nobody_sees_them(dynamic):
    written = _check(_wide, dynamic, tolerance=2e-5)
    shapes = {constant.name: tuple(constant.dims) for constant in written.graph.initializer}
    assert shapes["stem_kernel"][0] == 2 * BLOCK
    assert shapes["depthwise_kernel"][0] == 2 * BLOCK
    assert shapes["head_kernel"][:2] == (5, 2 * BLOCK)


@pytest.mark.parametrize(
    "end",
    [
        lambda x: kl.Activation("softmax")(x),
        lambda x: kl.Concatenate()([x, kl.Conv2D(3, 1)(x)]),
        lambda x: zoo.ClassMask()(x),
        lambda x: x,
    ],
    ids=["softmax", "concatenate", "mask", "output"],
)
def test_channels_that_something_else_reads_are_left_alone(end):
    written = _check(lambda x: end(kl.Conv2D(24, 3, name="stem")(x)), False)
    shapes = {constant.name: tuple(constant.dims) for constant in written.graph.initializer}
    assert shapes["stem_kernel"][0] == 24


def test_half():
    """In float16, with normalisation and softmax in float32."""

    def build(x):
        x = zoo.ImageInput([1.0] * 4, [2.0] * 4)(x)
        x = kl.Activation("relu")(kl.Conv2D(24, 3, 2, padding="same")(x))
        x = zoo.DilatedMaxPooling2D(2)(x)
        return kl.Activation("softmax")(kl.Conv2D(5, 1)(x))

    written = _check(build, False, half=True, tolerance=5e-3)
    halves = [one for one in written.graph.initializer if one.data_type == 10]
    assert len(halves) >= 4


def test_uint8_image():
    inputs = keras.Input((33, 40, 3), dtype="uint8")
    model = keras.Model(inputs, zoo.ImageInput([100.0] * 3, [50.0] * 3)(inputs))
    x = images(33, 40)
    session = ort.InferenceSession(to_onnx(model).SerializeToString())
    expected = np.moveaxis(keras.ops.convert_to_numpy(model(x)), -1, 1)
    np.testing.assert_allclose(session.run(None, {"image": x})[0], expected, atol=1e-5)


def test_a_batch_where_the_size_varies():
    inputs = keras.Input((None, None, 3))
    x = kl.Conv2D(4, 3, 2, padding="same")(inputs)
    model = keras.Model(inputs, zoo.ResizeToPartner("nearest")([x, inputs]))
    batch = images(33, 40, batch=2).astype("float32")
    session = ort.InferenceSession(to_onnx(model).SerializeToString())
    expected = np.moveaxis(keras.ops.convert_to_numpy(model(batch)), -1, 1)
    np.testing.assert_allclose(
        session.run(None, {"image": batch})[0], expected, rtol=1e-4, atol=1e-3
    )


def test_a_fixed_size_leaves_no_shape_arithmetic():
    inputs = keras.Input((64, 96, 3))
    small = kl.MaxPooling2D(2)(inputs)
    written = to_onnx(keras.Model(inputs, zoo.ResizeToPartner("nearest")([small, inputs])))
    assert [node.op_type for node in written.graph.node] == ["Transpose", "MaxPool", "Resize"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: kl.Dropout(0.5, name="drop")(x), "drop of type Dropout"),
        (lambda x: kl.Activation("gelu", name="act")(x), "act with gelu"),
        (lambda x: kl.Conv2D(2, 1, activation="relu", name="conv")(x), "no activation in conv"),
        (lambda x: kl.GlobalAveragePooling2D(name="pool")(x), "pool with keepdims=False"),
        (lambda x: kl.Concatenate(axis=1, name="cat")([x, x]), "cat with axis=1"),
        (lambda x: kl.MaxPooling2D(2, padding="same")(kl.ZeroPadding2D(1)(x)), None),
    ],
)
def test_other_layers_are_refused(build, message):
    inputs = keras.Input((32, 32, 4))
    model = keras.Model(inputs, build(inputs))
    if message is None:
        to_onnx(model)
        return
    with pytest.raises(ValueError, match=message):
        to_onnx(model)
