import json

import keras
import numpy as np
import pytest
import stage_table
from testing_tools import assert_same_weights, images, randomise, relative_error, run

from scmnet_zoo import DeepLabV3Plus
from scmnet_zoo.models import deeplab_v3_plus
from scmnet_zoo.models._factory import PLUS_MINUS_ONE
from scmnet_zoo.weights import Metadata, write_checkpoint
from scmnet_zoo.weights.foreign.keras_deeplab import variable_path

REDUCED = {
    "backbone": "mobilenet_v2",
    "output_stride": 8,
    "aspp_rates": (),
    "decoder": False,
}
# The reference graphs with their sizes.
REFERENCES = {"xception65": ({}, 41_257_699), "mobilenetv2": (REDUCED, 2_146_131)}
each_reference = pytest.mark.parametrize("reference", REFERENCES)


def names(shared, reference):
    return json.loads((shared / "golden" / f"names_deeplab_{reference}.json").read_text())


def trainable(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_weights)


# Against the reference


@pytest.mark.needs_shared
@each_reference
def test_equals_the_reference(shared, golden, reference):
    """The names, the number of parameters and the logits of the widely used Keras port."""
    arguments, parameters = REFERENCES[reference]
    model = DeepLabV3Plus(include_preprocessing=False, classifier_activation=None, **arguments)
    assert model.count_params() == parameters
    variables = {v.path: v for v in model.weights}
    shapes = {variable_path(name): shape for name, shape in names(shared, reference)}
    assert shapes == {path: list(v.shape) for path, v in variables.items()}
    for name, shape in names(shared, reference):
        variables[variable_path(name)].assign(golden.weight(name, tuple(shape), 0))
    stored = np.load(shared / "golden" / f"deeplab_{reference}_128x256_seed0.npz")
    logits = run(model, golden.image(0, 128, 256))[:, ::4, ::4]
    assert relative_error(logits, stored["logits"]) < 1e-4


@pytest.mark.needs_shared
def test_most_paths_are_the_canonical_names(shared, golden):
    """Xception-65's are, so that a rename of a layer shows."""
    backbone = [name for name, _ in names(shared, "xception65") if "_flow_" in name]
    assert len(backbone) > 600
    for name in backbone:
        assert golden.same_name(variable_path(name).replace("_bn/", "_BN/"), name)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Conv/kernel", "conv/kernel"),
        ("Conv_BN/beta", "conv_bn/beta"),
        ("expanded_conv_depthwise/depthwise_kernel", "expanded_conv/depthwise_conv/kernel"),
        ("expanded_conv_16_project_BN/gamma", "expanded_conv_16/project_bn/gamma"),
        ("entry_flow_conv1_1_BN/gamma", "entry_flow_conv1_1_bn/gamma"),
        ("entry_flow_block1_shortcut/kernel", "entry_flow_block1_shortcut/kernel"),
        ("aspp0_BN/moving_mean", "aspp/aspp0_bn/moving_mean"),
        ("aspp3_pointwise_BN/gamma", "aspp/aspp3/pointwise_bn/gamma"),
        ("image_pooling/kernel", "aspp/image_pooling/kernel"),
        ("decoder_conv1_depthwise/kernel", "decoder_conv1/depthwise/kernel"),
        ("custom_logits_semantic/bias", "head_classifier/bias"),
        ("logits_semantic/bias", "head_classifier/bias"),
    ],
)
def test_variable_path(name, path):
    assert variable_path(name) == path


@pytest.mark.parametrize("name", ["kernel", "a/b/kernel"])
def test_variable_path_of_no_weight(name):
    with pytest.raises(ValueError, match=f"Expected .* layer/kind. Received: name='{name}'"):
        variable_path(name)


# Graph


@pytest.mark.parametrize(
    ("backbone", "millions"), [("xception65", 41.1), ("xception", 24.0), ("mobilenet_v2", 4.4)]
)
def test_trainable_parameters(backbone, millions):
    model = DeepLabV3Plus(backbone=backbone)
    assert trainable(model) / 1e6 == pytest.approx(millions, abs=0.05)


def test_stage_table():
    model = DeepLabV3Plus(num_classes=7, input_shape=(1024, 2048, 3))
    stage_table.check(deeplab_v3_plus, model, 7)


@pytest.mark.parametrize("backbone", ["xception65", "xception", "mobilenet_v2"])
@pytest.mark.parametrize(("output_stride", "rates"), [(16, (6, 12, 18)), (8, (12, 24, 36))])
def test_output_stride(backbone, output_stride, rates):
    model = DeepLabV3Plus(backbone=backbone, output_stride=output_stride, input_shape=(128, 256, 3))
    aspp = model.get_layer("aspp")
    sides = (None, 128 // output_stride, 256 // output_stride, 256)
    assert aspp.output.shape == sides
    assert aspp.rates == rates
    upsampled = model.get_layer("aspp_upsample").output.shape
    assert upsampled == ((None, 31, 63, 256) if backbone == "xception" else (None, 32, 64, 256))


@pytest.mark.parametrize(
    ("backbone", "output_stride"),
    [
        pytest.param("xception65", 8, marks=pytest.mark.long),
        ("xception", 16),
    ],
)
def test_any_size(backbone, output_stride):
    """The contract tests have MobileNetV2's."""
    model = randomise(DeepLabV3Plus(num_classes=4, backbone=backbone, output_stride=output_stride))
    for size in ((32, 32), (33, 47), (70, 101)):
        y = run(model, images(*size))
        assert y.shape == (1, *size, 4)
        np.testing.assert_allclose(y.sum(-1), 1.0, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("backbone", ["xception65", "xception"])
def test_keras_file_loads_without_the_factory(backbone, tmp_path):
    model = DeepLabV3Plus(num_classes=4, backbone=backbone, output_stride=8)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_weights(loaded, model)
    x = images(33, 47)
    np.testing.assert_allclose(run(loaded, x), run(model, x), atol=1e-6)


def test_without_atrous_branches_mobilenet_ends_before_its_last_convolution():
    full, reduced = (
        [v.path for v in DeepLabV3Plus(backbone="mobilenet_v2", aspp_rates=rates).weights]
        for rates in ((6,), ())
    )
    assert "last_conv/kernel" in full
    assert "last_conv/kernel" not in reduced


def test_dropout_is_that_of_the_pyramid():
    model = DeepLabV3Plus(backbone="mobilenet_v2", dropout=0.3)
    assert model.get_layer("aspp").dropout.rate == 0.3


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "resnet"}, r"backbone to be one of \('xception65'.* backbone='resnet'"),
        ({"output_stride": 12}, r"output_stride to be one of \(8, 16\).* output_stride=12"),
        ({"output_stride": 16.0}, r"output_stride to be one of .* output_stride=16.0"),
        ({"decoder": "yes"}, r"decoder to be one of \(True, False\).* decoder='yes'"),
        ({"aspp_rates": 6}, r"aspp_rates to be a tuple of positive integers.* aspp_rates=6"),
        (
            {"aspp_rates": (6, 0)},
            r"aspp_rates to be a tuple of positive integers.* aspp_rates=\(6, 0\)",
        ),
        (
            {"aspp_rates": (6, 1.5)},
            r"aspp_rates to be a tuple of positive integers.* aspp_rates=\(6, 1.5\)",
        ),
        (
            {"aspp_rates": (True,)},
            r"aspp_rates to be a tuple of positive integers.* aspp_rates=\(True,\)",
        ),
        (
            {"aspp_rates": "612"},
            r"aspp_rates to be a tuple of positive integers.* aspp_rates='612'",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        DeepLabV3Plus(**arguments)


@pytest.fixture
def stored(tmp_path):
    """Writes weights of the reduced network with the arguments given as their metadata."""

    def write(**arguments):
        model = randomise(DeepLabV3Plus(num_classes=3, **REDUCED))
        path = tmp_path / "reduced.safetensors"
        metadata = Metadata("deeplabv3plus", arguments, ("a", "b", "c"), PLUS_MINUS_ONE)
        write_checkpoint(path, model, metadata)
        return path, model

    return write


def test_arguments_come_with_the_weights(stored):
    path, model = stored(**REDUCED)
    assert_same_weights(DeepLabV3Plus(path), model)
    assert_same_weights(DeepLabV3Plus(path, **REDUCED), model)


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("backbone", "xception65", "'mobilenet_v2'"),
        ("output_stride", 16, "8"),
        ("aspp_rates", (6,), r"\[\]"),
        ("decoder", True, "False"),
    ],
)
def test_argument_that_contradicts_the_weights(stored, argument, value, expected):
    path, _ = stored(**REDUCED)
    with pytest.raises(ValueError, match=f"Expected {argument}={expected}, as .*{argument}="):
        DeepLabV3Plus(path, **{argument: value})


def test_rates_left_out_follow_the_output_stride_of_the_weights(stored):
    path, _ = stored(output_stride=8)
    with pytest.raises(ValueError, match=r"Expected aspp_rates=\[12, 24, 36\], as"):
        DeepLabV3Plus(path, aspp_rates=(6, 12, 18))


def test_weights_made_with_an_argument_that_there_is_not(stored):
    path, _ = stored(**REDUCED, width=0.5)
    with pytest.raises(ValueError, match=r"Expected weights with arguments among .* with width"):
        DeepLabV3Plus(path)


def test_arguments_of_the_weights_are_checked(stored):
    path, _ = stored(**{**REDUCED, "output_stride": 4})
    with pytest.raises(ValueError, match=r"Expected output_stride .* output_stride=4"):
        DeepLabV3Plus(path)


def test_weights_hold_the_backbones_too(stored):
    path, _ = stored(**REDUCED)
    with pytest.raises(ValueError, match="Expected backbone_weights=None with weights"):
        DeepLabV3Plus(path, backbone_weights="imagenet")
