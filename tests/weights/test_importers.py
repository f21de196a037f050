"""Weights of other implementations: their outputs are reproduced, and no tensor goes astray."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest
import pytorchcv_layout
from testing_tools import arrays, relative_error, run

from scmnet_zoo import ContextNet, DeepLabV3Plus, FastSCNN, SCMNet
from scmnet_zoo.data.labels import CAMVID, CITYSCAPES
from scmnet_zoo.models import _factory
from scmnet_zoo.weights import Normalisation
from scmnet_zoo.weights.importers import (
    convert,
    foreign,
    import_checkpoint,
    keras_deeplab,
    osmr,
    read_foreign,
    write_imported,
)
from scmnet_zoo.weights.importers.keras2_file import read_keras2
from scmnet_zoo.weights.importers.npz_file import read_npz

RAW = {"include_preprocessing": False, "classifier_activation": None}
FILES = {  # of the reference outputs; their networks
    "released_scmnet_keras2_seed0.h5": "scmnet",
    "deeplab_mobilenetv2_keras2_seed0.h5": "deeplabv3plus",
    "fastscnn_chainer_seed0.npz": "fastscnn",
}
each_file = pytest.mark.parametrize("name", FILES)


def write_keras2(path, weights):
    """A file as `save_weights` of Keras 2 writes it."""
    layers = {}
    for name, array in weights.items():
        layers.setdefault(name.rpartition("/")[0], {})[name] = array
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.encode() for layer in layers])
        for layer, arrays_of_layer in layers.items():
            group = file.create_group(layer)
            names = [f"{name}:0" for name in arrays_of_layer]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, array in zip(names, arrays_of_layer.values(), strict=True):
                group[name] = array


def read(path):
    return (read_npz if path.suffix == ".npz" else read_keras2)(path, str(path))


def write(path, weights):
    if path.suffix == ".npz":
        np.savez(path, **weights)
    else:
        write_keras2(path, weights)


def imported(path, tmp_path, factory, **arguments):
    """The network of an imported file, through a file of the zoo's own."""
    checkpoint = import_checkpoint(path)
    write_imported(tmp_path / "imported.safetensors", checkpoint)
    model = factory(weights=tmp_path / "imported.safetensors", **arguments)
    found = arrays(model)
    assert found.keys() >= {p for p in checkpoint.tensors if not p.startswith("aux_")}
    for variable, array in found.items():
        np.testing.assert_array_equal(array, checkpoint.tensors[variable])
    return model


SHAPES = {}


@pytest.fixture
def shapes_once(monkeypatch):
    """Each network is built for its shapes once, which takes longer than the rest of a test."""

    def shapes(found, num_classes, build=convert._shapes):
        auxiliary = any(path.startswith("aux_") for path in found.tensors)
        key = (found.network, num_classes, auxiliary)
        if key not in SHAPES:
            SHAPES[key] = build(found, num_classes)
        return SHAPES[key]

    monkeypatch.setattr(convert, "_shapes", shapes)


# The reference outputs


@pytest.mark.needs_shared
def test_released_scmnet(shared, golden, tmp_path):
    path = shared / "golden" / "released_scmnet_keras2_seed0.h5"
    model = imported(path, tmp_path, SCMNet, include_preprocessing=False)
    reference = np.load(shared / "golden" / "scmnet_128x256_seed0.npz")
    (expected,) = (reference[k] for k in reference.files if reference[k].ndim == 4)
    np.testing.assert_allclose(run(model, golden.image(0, 128, 256)), expected, atol=1e-4)


@pytest.mark.needs_shared
def test_fast_scnn_of_chainer(shared, golden, tmp_path):
    path = shared / "golden" / "fastscnn_chainer_seed0.npz"
    model = imported(path, tmp_path, FastSCNN, **RAW)
    expected = np.load(shared / "golden" / "fastscnn_192x384_seed0.npz")["logits"]
    logits = run(model, golden.image(0, 192, 384))[:, ::4, ::4]
    assert relative_error(logits, expected) < 1e-4


@pytest.mark.needs_shared
def test_deeplab_mobilenet(shared, golden, tmp_path):
    path = shared / "golden" / "deeplab_mobilenetv2_keras2_seed0.h5"
    model = imported(path, tmp_path, DeepLabV3Plus, **RAW)
    stored = np.load(shared / "golden" / "deeplab_mobilenetv2_128x256_seed0.npz")
    logits = run(model, golden.image(0, 128, 256))[:, ::4, ::4]
    assert relative_error(logits, stored["logits"]) < 1e-4


@pytest.mark.long
@pytest.mark.needs_shared
def test_deeplab_xception(shared, golden, tmp_path):
    names = json.loads((shared / "golden" / "names_deeplab_xception65.json").read_text())
    weights = {name: golden.weight(name, tuple(shape), 0) for name, shape in names}
    depthwise = "_depthwise/kernel"  # Keras 2 calls it so in files
    weights = {n.replace(depthwise, "_depthwise/depthwise_kernel"): a for n, a in weights.items()}
    write_keras2(tmp_path / "xception65.h5", weights)
    model = imported(tmp_path / "xception65.h5", tmp_path, DeepLabV3Plus, **RAW)
    stored = np.load(shared / "golden" / "deeplab_xception65_128x256_seed0.npz")
    logits = run(model, golden.image(0, 128, 256))[:, ::4, ::4]
    assert relative_error(logits, stored["logits"]) < 1e-4


@pytest.mark.parametrize(("network", "zipped"), [("fastscnn", True), ("contextnet", False)])
def test_pytorchcv(network, zipped, tmp_path):
    pytest.importorskip("pytorchcv", reason="pytorchcv is the reference of this test")
    import torch

    reference = pytorchcv_layout.reference(network, auxiliary=True)
    path = tmp_path / "weights.pth"
    torch.save(reference.state_dict(), path, _use_new_zipfile_serialization=zipped)
    factory = {"fastscnn": FastSCNN, "contextnet": ContextNet}[network]
    x = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype("float32")
    main = pytorchcv_layout.outputs(reference, x)[0]
    assert relative_error(run(imported(path, tmp_path, factory, **RAW), x), main) < 1e-4


@pytest.mark.needs_shared
@pytest.mark.usefixtures("shapes_once")
def test_auxiliary_head(shared, tmp_path):
    """The file's head is ours on the downsampling; ours on the global features starts fresh."""
    path = shared / "golden" / "fastscnn_chainer_seed0.npz"
    checkpoint = import_checkpoint(path)
    write_imported(tmp_path / "x.safetensors", checkpoint)
    found = arrays(FastSCNN(weights=tmp_path / "x.safetensors", auxiliary=True))
    heads = {p.split("/")[0] for p in checkpoint.tensors if p.startswith("aux_")}
    assert heads == {"aux_downsample_conv", "aux_downsample_bn", "aux_downsample_classifier"}
    for variable, array in checkpoint.tensors.items():
        np.testing.assert_array_equal(found[variable], array)

    weights = {name: a for name, a in read(path).items() if not name.startswith("aux_head")}
    write(tmp_path / "plain.npz", weights)
    without = import_checkpoint(tmp_path / "plain.npz")
    assert without.tensors.keys() == {p for p in checkpoint.tensors if not p.startswith("aux_")}


# What is read


@pytest.mark.needs_shared
@each_file
def test_recognised_by_content(name, shared):
    path = shared / "golden" / name
    found = read_foreign(io.BytesIO(path.read_bytes()), "x")
    assert found.network == FILES[name]
    again = read_foreign(str(path), "x")
    assert again.arguments == found.arguments
    assert again.tensors.keys() == found.tensors.keys()
    assert {a.dtype for a in found.tensors.values()} == {np.dtype("float32")}


@pytest.mark.needs_shared
@pytest.mark.usefixtures("shapes_once")
def test_metadata(shared):
    path = shared / "golden" / "released_scmnet_keras2_seed0.h5"
    known = import_checkpoint(path).metadata
    assert (known.network, known.arguments) == ("scmnet", {"residual": False})
    assert (known.classes, known.training_size) == (CITYSCAPES.classes, None)
    assert known.normalisation == _factory.IMAGENET
    statistics = Normalisation((1.0,) * 3, (2.0,) * 3)
    classes = [f"class {i}" for i in range(19)]
    other = import_checkpoint(path, classes, statistics, (512, 1024)).metadata
    assert (other.classes, other.training_size) == (tuple(classes), (512, 1024))
    assert other.normalisation == statistics


def test_normalisations_are_the_factories_own():
    assert foreign.IMAGENET == _factory.IMAGENET
    assert foreign.PLUS_MINUS_ONE == _factory.PLUS_MINUS_ONE


@pytest.mark.needs_shared
@pytest.mark.parametrize("first", [0, 1, 1000])
def test_numbers_of_layers_start_anywhere(first, shared, tmp_path):
    """The first layer of a program has no number."""
    path = shared / "golden" / "released_scmnet_keras2_seed0.h5"
    expected = read_foreign(path, "x").tensors

    def renumbered(name):
        layer, _, kind = name.rpartition("/")
        stem, _, number = layer.rpartition("_")
        starts = {"conv2d": 99, "depthwise_conv2d": 33, "separable_conv2d": 60}
        if stem not in (*starts, "batch_normalization"):
            return name
        number = int(number) - starts.get(stem, 216) + first
        return f"{stem}_{number}/{kind}" if number else f"{stem}/{kind}"

    write(tmp_path / "x.h5", {renumbered(n): a for n, a in read(path).items()})
    found = read_foreign(tmp_path / "x.h5", "x").tensors
    assert found.keys() == expected.keys()
    for variable, array in expected.items():
        np.testing.assert_array_equal(found[variable], array)


def test_the_ports_names_and_ours():
    model = DeepLabV3Plus(num_classes=3, **keras_deeplab.ARGUMENTS["expanded_conv"])
    names = {keras_deeplab.port_name(v.path): v.path for v in model.weights}
    assert keras_deeplab.source_names(list(names)) == {p: n for n, p in names.items()}


@pytest.mark.parametrize("package", ["pytorchcv", "chainercv2"])
@pytest.mark.parametrize("network", ["fastscnn", "contextnet"])
def test_no_two_weights_share_a_name(network, package):
    names = osmr.source_names(network, package)
    assert len(set(names.values())) == len(names)


# Damaged files


@pytest.mark.needs_shared
@each_file
def test_number_of_classes(name, shared):
    with pytest.raises(ValueError, match=r"the 11 classes 'sky' to .* tells 19 apart") as caught:
        import_checkpoint(shared / "golden" / name, CAMVID.classes)
    assert name in str(caught.value)


VICTIMS = {  # of each file
    "released_scmnet_keras2_seed0.h5": ["conv2d_105/kernel", "DSConv1_output/bias"],
    "deeplab_mobilenetv2_keras2_seed0.h5": ["Conv/kernel", "expanded_conv_3_project_BN/gamma"],
    "fastscnn_chainer_seed0.npz": ["stem/conv2/dw_conv/conv/W", "aux_head/conv1/bn/avg_var"],
}


def renamed(weights, victim):
    layer, _, kind = victim.rpartition("/")
    other = f"{layer}/x{kind}"
    return {other if name == victim else name: a for name, a in weights.items()}, other


def missing(weights, victim):
    return {name: a for name, a in weights.items() if name != victim}, victim


def extra(weights, victim):
    return {**weights, "something/else": weights[victim]}, "something/else"


def reshaped(weights, victim):
    return {**weights, victim: weights[victim][..., :-1]}, victim


def not_finite(weights, victim):
    array = weights[victim].copy()
    array.flat[-1] = np.nan
    return {**weights, victim: array}, victim


def integers(weights, victim):
    return {**weights, victim: np.ones(weights[victim].shape, "int32")}, victim


@pytest.fixture(scope="module")
def contents(shared):
    return {name: read(shared / "golden" / name) for name in FILES}


@pytest.mark.needs_shared
@pytest.mark.usefixtures("shapes_once")
@pytest.mark.parametrize("damage", [renamed, missing, extra, reshaped, not_finite, integers])
@pytest.mark.parametrize(("name", "victim"), [(n, v) for n, vs in VICTIMS.items() for v in vs])
def test_damage_is_named_as_the_file_names_it(name, victim, damage, contents, tmp_path):
    weights, culprit = damage(contents[name], victim)
    path = tmp_path / name
    write(path, weights)
    with pytest.raises(ValueError, match=r"Expected .* Received: ") as caught:
        import_checkpoint(path)
    message = str(caught.value)
    assert culprit in message
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("conv2d_105", "conv2d_555", ["lacks conv2d_105", "also holds conv2d_555"]),
        ("conv2d_99", "conv2d_7", ["conv2d_7"]),
        ("conv2d_131", "mine", ["lacks conv2d_98 or conv2d_131"]),
        ("separable_conv2d_70", "mine", ["lacks separable_conv2d_70"]),
        ("DSConv2_output", "mine", ["'mine/depthwise_kernel'"]),
        ("F0/convd", "F0/conv2d", ["'F0/conv2d/kernel'"]),
    ],
)
def test_renamed_layer_of_scmnet(old, new, named, contents, tmp_path):
    weights = contents["released_scmnet_keras2_seed0.h5"]
    weights = {
        f"{new}/{n.rpartition('/')[2]}" if n.rpartition("/")[0] == old else n: a
        for n, a in weights.items()
    }
    write(tmp_path / "x.h5", weights)
    with pytest.raises(ValueError, match="Expected") as caught:
        import_checkpoint(tmp_path / "x.h5")
    assert all(text in str(caught.value) for text in named)


@pytest.mark.needs_shared
def test_one_weight_by_two_names(contents, tmp_path):
    weights = contents["deeplab_mobilenetv2_keras2_seed0.h5"]
    bias = "custom_logits_semantic/bias"
    write(tmp_path / "x.h5", {**weights, "logits_semantic/bias": weights[bias]})
    with pytest.raises(ValueError, match="also holds 'logits_semantic/bias'"):
        import_checkpoint(tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with b''"),
        (b"text", "starts with b'text'"),
        (b"PK\x03\x04", "is not a whole zip file"),
        (b"\x89HDF\r\n\x1a\n", "is not a whole HDF5 file"),
        (b"\x80\x02", "is not a whole PyTorch file"),
    ],
)
def test_no_weights(content, message, tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        import_checkpoint(path)
    assert "x.h5" in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match=r"missing.h5: No such file"):
        import_checkpoint(tmp_path / "missing.h5")


def test_weights_of_another_network(tmp_path):
    write(tmp_path / "x.h5", {"dense/kernel": np.zeros((2, 2), "float32")})
    with pytest.raises(ValueError, match=r"such as .'dense/kernel'."):
        import_checkpoint(tmp_path / "x.h5")
    write(tmp_path / "x.npz", {"dense/kernel": np.zeros((2, 2), "float32")})
    with pytest.raises(ValueError, match=r"such as .'dense/kernel'."):
        import_checkpoint(tmp_path / "x.npz")
    with h5py.File(tmp_path / "keras3.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((2, 2), "float32")
    with pytest.raises(ValueError, match="has no layer_names"):
        import_checkpoint(tmp_path / "keras3.weights.h5")


# NumPy archives


def npy(array=None, header=None):
    buffer = io.BytesIO()
    if header is None:
        np.save(buffer, array)
    else:
        np.lib.format.write_array_header_1_0(buffer, header)
        buffer.write(bytes(64))
    return buffer.getvalue()


HUGE = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
EMPTY = {"descr": "<f4", "fortran_order": False, "shape": (0, 2**62)}


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("x.npy", npy(header=HUGE), "declares float32 of shape"),
        ("x.npy", npy(header=EMPTY), "declares float32 of shape"),
        ("x.npy", bytes(1 << 26), "declares 67108864"),
        ("x.npy", npy(np.array(["text"])), "holds <U4"),
        ("x.npy", npy(np.zeros(2, "complex64")), "holds complex64"),
        ("x.npy", npy(np.array([{}], dtype=object)), "holds object"),
        ("x.npy", npy(np.zeros(4))[:-1], "declares float64"),
        ("x.npy", npy(np.zeros(4))[:20], "is not a NumPy array"),
        ("x.npy", b"text", "is not a NumPy array"),
        ("x.txt", b"text", "with 'x.txt'"),
        ("../x.npy", npy(np.zeros(4)), "lies outside"),
    ],
)
def test_damaged_npz(member, content, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_npz(tmp_path / "x.npz", "a source")
    assert "a source" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_npz(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    expected = {"b/W": x, "a": np.asfortranarray(x), "N": np.array(3), "half": x.astype("float16")}
    np.savez_compressed(tmp_path / "x.npz", **expected)
    found = read_npz(tmp_path / "x.npz", "x")
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array.astype("int64" if name == "N" else "f4"))


# Writing


@pytest.mark.needs_shared
@pytest.mark.usefixtures("shapes_once")
def test_written_whole_or_not_at_all(shared, tmp_path):
    checkpoint = import_checkpoint(shared / "golden" / "fastscnn_chainer_seed0.npz")
    with pytest.raises(ValueError, match=r"ends in .safetensors. Received: .*x.h5"):
        write_imported(tmp_path / "x.h5", checkpoint)
    with pytest.raises(OSError, match="cannot be written"):
        write_imported(tmp_path / "missing" / "x.safetensors", checkpoint)
    assert not list(tmp_path.iterdir())
    write_imported(tmp_path / "x.safetensors", checkpoint)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
