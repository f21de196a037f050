"""The backbones against those of keras.applications, whose weights they take."""

import h5py
import keras
import numpy as np
import pytest
from testing_tools import (
    arrays,
    assert_same_weights,
    channels_first,
    randomise,
    relative_error,
    run,
)

from scmnet_zoo import DeepLabV3Plus
from scmnet_zoo.layers import DilatedMaxPooling2D
from scmnet_zoo.models.backbones import (
    _pretrained,
    efficientnet_lite2,
    mobilenet_v2,
    xception,
    xception65,
)
from scmnet_zoo.models.backbones._blocks import trade_strides
from scmnet_zoo.models.backbones._pretrained import assign_pretrained, read_pretrained
from scmnet_zoo.weights import manifest

BUILDERS = {"mobilenet_v2": mobilenet_v2, "xception": xception}
APPLICATIONS = {
    "mobilenet_v2": keras.applications.MobileNetV2,
    "xception": keras.applications.Xception,
}
# Sides that are odd at each stride: a dilated map then holds the strided one at every n-th place.
ALIGNED = {"mobilenet_v2": 129, "xception": 135}
both = pytest.mark.parametrize("backbone", BUILDERS)


@pytest.mark.parametrize("build", [mobilenet_v2, efficientnet_lite2, xception, xception65])
def test_channels_are_last_whatever_keras_is_set_to(build):
    inputs = keras.Input((None, None, 3))
    with channels_first():
        model = keras.Model(inputs, build(inputs))
    layers = model._flatten_layers(include_self=False)
    formats = {layer.data_format for layer in layers if hasattr(layer, "data_format")}
    assert formats == {"channels_last"}


@pytest.fixture(scope="module")
def applications(tmp_path_factory):
    """The model of keras.applications with random weights, and the file that Keras writes of it."""
    made = {}

    def get(backbone):
        if backbone not in made:
            model = APPLICATIONS[backbone](
                include_top=False, weights=None, input_shape=(None, None, 3)
            )
            _randomise(model)
            path = tmp_path_factory.mktemp(backbone) / f"{backbone}_notop.h5"
            _write_legacy(path, model)
            made[backbone] = model, path
        return made[backbone]

    return get


def _randomise(model):
    rng = np.random.default_rng(0)
    for v in model.weights:
        leaf, shape = v.path.rsplit("/", 1)[-1], tuple(v.shape)
        if leaf in ("kernel", "pointwise_kernel"):
            depthwise = shape[-1] == 1
            fan_in = shape[0] * shape[1] * (1 if depthwise else shape[2])
            v.assign(rng.normal(0, (2 / fan_in) ** 0.5, shape))
        elif leaf == "depthwise_kernel":
            v.assign(rng.normal(0, (2 / 9) ** 0.5, shape))
        elif leaf in ("gamma", "moving_variance"):
            v.assign(rng.uniform(0.5, 1.5, shape))
        else:
            v.assign(rng.normal(0, 0.1, shape))


def _write_legacy(path, model, number=0):
    """A file as Keras 2 saves weights; the unnamed layers' numbers begin behind `number`."""
    counts = {"conv2d": number, "batch_normalization": number}
    with h5py.File(path, "w") as file:
        names = []
        for layer in model.layers:
            name = layer.name
            prefix = name.rstrip("_0123456789")
            if prefix in counts:
                counts[prefix] += 1
                name = f"{prefix}_{counts[prefix]}"
            names.append(name.encode())
            group = file.create_group(name)
            keys = [f"{name}/{v.name}:0" for v in layer.weights]
            group.attrs["weight_names"] = np.array([key.encode() for key in keys], "S")
            for key, v in zip(keys, layer.weights, strict=True):
                group[key] = keras.ops.convert_to_numpy(v.value)
        file.attrs["layer_names"] = np.array(names)


def features(backbone, output_stride, path):
    """The backbone as a model, with the weights of a file."""
    image = keras.Input((None, None, 3))
    model = keras.Model(image, BUILDERS[backbone](image, output_stride)[1])
    assign_pretrained(model, read_pretrained(backbone, path), str(path))
    return model


def image(height, width):
    return np.random.default_rng(0).normal(0, 0.5, (1, height, width, 3)).astype("float32")


# Features


@pytest.mark.parametrize("size", [(97, 131)])
@both
def test_features_equal_those_of_keras_applications(applications, backbone, size):
    model, path = applications(backbone)
    if backbone == "mobilenet_v2":  # pads by the size it is built for
        fixed = keras.applications.MobileNetV2(
            include_top=False, weights=None, input_shape=(*size, 3)
        )
        fixed.set_weights(model.get_weights())
        model = fixed
    expected = run(model, image(*size))
    assert relative_error(run(features(backbone, 32, path), image(*size)), expected) < 1e-4


@pytest.mark.parametrize(("backbone", "output_stride"), [("xception", 8), ("mobilenet_v2", 16)])
def test_dilated_features_hold_the_strided_ones(applications, backbone, output_stride):
    """The weights see the same pixels at each output stride, only at more places."""
    _, path = applications(backbone)
    x = image(ALIGNED[backbone], ALIGNED[backbone])
    step = 32 // output_stride
    strided, dense = (run(features(backbone, s, path), x) for s in (32, output_stride))
    assert dense.shape[1] == (strided.shape[1] - 1) * step + 1
    assert relative_error(dense[:, ::step, ::step], strided) < 1e-4


def test_trade_strides():
    strides = [2, 2, 2, 1, 2, 1]
    assert trade_strides(strides, 16) == [(2, 1), (2, 1), (2, 1), (1, 1), (2, 1), (1, 1)]
    assert trade_strides(strides, 8) == [(2, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 2)]
    assert trade_strides(strides, 4) == [(2, 1), (2, 1), (1, 1), (1, 2), (1, 2), (1, 4)]


@pytest.mark.parametrize("rate", [1, 2])
def test_dilated_max_pooling(rate):
    x = np.random.default_rng(0).normal(-5, 1, (2, 9, 12, 3)).astype("float32")
    pooled = keras.ops.convert_to_numpy(DilatedMaxPooling2D(rate)(x))
    pool = keras.layers.MaxPooling2D(3, 1, padding="same")
    for i in range(rate):
        for j in range(rate):
            lattice = x[:, i::rate, j::rate]
            expected = keras.ops.convert_to_numpy(pool(lattice))
            np.testing.assert_array_equal(pooled[:, i::rate, j::rate], expected)


# Files


@pytest.mark.parametrize(("backbone", "number"), [("xception", 7), ("mobilenet_v2", 0)])
def test_network_with_pretrained_backbone(applications, backbone, number, tmp_path):
    model, _ = applications(backbone)
    path = tmp_path / "notop.h5"
    _write_legacy(path, model, number)
    network = DeepLabV3Plus(num_classes=3, backbone=backbone, backbone_weights=str(path))
    fresh = DeepLabV3Plus(num_classes=3, backbone=backbone)
    expected = arrays(features(backbone, 32, path))
    taken = {p: v for p, v in arrays(network).items() if p in expected}
    assert taken.keys() == expected.keys()
    for variable, value in taken.items():
        np.testing.assert_array_equal(value, expected[variable], err_msg=variable)
    heads = {p.split("/")[0] for p in arrays(fresh)} - {p.split("/")[0] for p in expected}
    assert heads == {
        "aspp",
        "feature_projection0",
        "feature_projection0_bn",
        "decoder_conv0",
        "decoder_conv1",
        "head_classifier",
    }


@pytest.mark.parametrize("backbone", ["mobilenet_v2"])
def test_file_that_keras_saves_today(applications, backbone, tmp_path):
    model, path = applications(backbone)
    model.save(tmp_path / "model.h5")
    ours, theirs = (features(backbone, 32, file) for file in (path, tmp_path / "model.h5"))
    assert_same_weights(ours, theirs)


def test_reduced_network_leaves_the_last_convolution_out(applications):
    _, path = applications("mobilenet_v2")
    network = DeepLabV3Plus(backbone="mobilenet_v2", aspp_rates=(), backbone_weights=path)
    expected = read_pretrained("mobilenet_v2", path)
    taken = arrays(network)
    np.testing.assert_array_equal(taken["conv/kernel"], expected["conv/kernel"])


def test_file_of_another_backbone_is_refused(applications):
    _, path = applications("mobilenet_v2")
    with pytest.raises(ValueError, match=r"does not fit the backbone 'xception': .*'Conv1'"):
        DeepLabV3Plus(backbone="xception", backbone_weights=path)


def test_file_without_a_layer_is_refused(applications, tmp_path):
    _, path = applications("mobilenet_v2")
    lost = tmp_path / "lost.h5"
    lost.write_bytes(path.read_bytes())
    with h5py.File(lost, "r+") as file:
        names = file.attrs["layer_names"]
        file.attrs["layer_names"] = names[names != b"block_5_expand"]
    with pytest.raises(ValueError, match="it lacks expanded_conv_5/expand_conv/kernel"):
        DeepLabV3Plus(backbone="mobilenet_v2", backbone_weights=lost)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 3, 3, 16), "float32"), r"conv/kernel has shape .* expected \(3, 3, 3, 32\)"),
        (np.full((3, 3, 3, 32), np.nan, "float32"), "conv/kernel holds values that are not fin"),
    ],
)
def test_tensor_that_does_not_fit_is_refused(applications, array, message):
    _, path = applications("mobilenet_v2")
    tensors = {**read_pretrained("mobilenet_v2", path), "conv/kernel": array}
    x = keras.Input((None, None, 3))
    model = randomise(keras.Model(x, mobilenet_v2(x)[1]))
    before = arrays(model)
    with pytest.raises(ValueError, match=message):
        assign_pretrained(model, tensors, "a file")
    for variable, value in arrays(model).items():
        np.testing.assert_array_equal(value, before[variable])


def test_other_channels_do_not_fit(applications):
    _, path = applications("mobilenet_v2")
    with pytest.raises(ValueError, match=r"conv/kernel has shape \(3, 3, 3, 32\), expected \(3, 3"):
        DeepLabV3Plus(
            backbone="mobilenet_v2",
            backbone_weights=path,
            input_shape=(64, 64, 4),
            include_preprocessing=False,
        )


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_file_that_is_none(content, tmp_path):
    path = tmp_path / "weights.h5"
    if content is None:
        h5py.File(path, "w").close()
    else:
        path.write_bytes(content)
    message = "has no layer_names" if content is None else "is not a whole HDF5 file"
    with pytest.raises(ValueError, match=rf"weights\.h5.* {message}"):
        DeepLabV3Plus(backbone="xception", backbone_weights=path)


@pytest.mark.parametrize("weights", ["none.h5", "cityscapes", 3])
def test_unknown_backbone_weights(weights):
    with pytest.raises(
        ValueError, match=f"Expected backbone_weights .*backbone_weights={weights!r}"
    ):
        DeepLabV3Plus(backbone="xception", backbone_weights=weights)


# ImageNet


def test_xception65_has_no_imagenet_weights():
    message = (
        r"one of the backbones \('xception', 'mobilenet_v2', 'efficientnet_lite2'\), .*"
        r"'imagenet', backbone='xception65'"
    )
    with pytest.raises(ValueError, match=message):
        DeepLabV3Plus(backbone_weights="imagenet")


@both
def test_imagenet_weights_come_from_the_manifests_file(applications, backbone, monkeypatch):
    _, path = applications(backbone)
    asked = []

    def fetch(file):
        asked.append(file)
        return path.read_bytes()

    monkeypatch.setattr(_pretrained, "fetch", fetch)
    network = DeepLabV3Plus(backbone=backbone, backbone_weights="imagenet")
    (file,) = asked
    assert file == manifest.find(backbone, "imagenet").file
    (source,) = file.sources
    assert source.url.startswith("https://storage.googleapis.com/tensorflow/keras-appl")
    tensors = read_pretrained(backbone, path)
    for variable, value in arrays(network).items():
        if variable in tensors:
            np.testing.assert_array_equal(value, tensors[variable])


@both
def test_a_failed_download_is_one_line(backbone, monkeypatch, tmp_path):
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path))
    monkeypatch.setenv("SCMNET_ZOO_OFFLINE", "1")
    with pytest.raises(OSError, match=r"\.h5 cannot be had: .* SCMNET_ZOO_OFFLINE") as caught:
        DeepLabV3Plus(backbone=backbone, backbone_weights="imagenet")
    assert "\n" not in str(caught.value)


@both
def test_the_manifest_states_the_backbones_parameters(applications, backbone):
    model, _ = applications(backbone)
    assert manifest.find(backbone, "imagenet").parameters == model.count_params()
