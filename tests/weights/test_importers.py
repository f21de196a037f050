"""Weights of other implementations: their outputs are reproduced, and no tensor goes astray."""

import io
import json

import numpy as np
import pytest
import pytorchcv_layout
from importer_tools import FILES, build_once, read, write, write_keras2
from testing_tools import arrays, relative_error, run

from scmnet_zoo import ContextNet, DeepLabV3Plus, FastSCNN, SCMNet
from scmnet_zoo.data.labels import CITYSCAPES
from scmnet_zoo.importers import import_checkpoint, write_imported
from scmnet_zoo.models.efficientvit import VARIANTS
from scmnet_zoo.weights import Normalisation
from scmnet_zoo.weights.foreign import efficientvit, keras_deeplab, osmr, scmnet
from scmnet_zoo.weights.foreign.read import read_foreign
from scmnet_zoo.weights.metadata import IMAGENET

RAW = {"include_preprocessing": False, "classifier_activation": None}
each_file = pytest.mark.parametrize("name", FILES)


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


@pytest.fixture
def shapes_once(monkeypatch):
    build_once(monkeypatch)


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
    assert known.normalisation == IMAGENET
    statistics = Normalisation((1.0,) * 3, (2.0,) * 3)
    classes = [f"class {i}" for i in range(19)]
    other = import_checkpoint(path, classes, statistics, (512, 1024)).metadata
    assert (other.classes, other.training_size) == (tuple(classes), (512, 1024))
    assert other.normalisation == statistics


def test_efficientvit_is_recognised_by_the_widths_of_its_variants():
    assert {one.widths[0]: key for key, one in VARIANTS.items()} == efficientvit.VARIANTS
    for one in VARIANTS.values():
        names = efficientvit.source_names(one.depths, one.depth)
        assert efficientvit.depths_of(names.values()) == (one.depths, one.depth)


@pytest.mark.needs_shared
@pytest.mark.parametrize("first", [0, 1, 1000])
def test_numbers_of_layers_start_anywhere(first, shared):
    """The first layer of a program has no number."""
    weights = read(shared / "golden" / "released_scmnet_keras2_seed0.h5")
    starts = {
        "conv2d": 99,
        "depthwise_conv2d": 33,
        "separable_conv2d": 60,
        "batch_normalization": 216,
    }

    def renumbered(name):
        layer, _, kind = name.rpartition("/")
        stem, _, number = layer.rpartition("_")
        if stem not in starts:
            return name
        number = int(number) - starts[stem] + first
        return f"{stem}_{number}/{kind}" if number else f"{stem}/{kind}"

    expected = scmnet.source_names(list(weights), "x")
    found = scmnet.source_names([renumbered(name) for name in reversed(weights)], "x")
    assert found == {path: renumbered(name) for path, name in expected.items()}


def test_the_ports_names_and_ours():
    model = DeepLabV3Plus(num_classes=3, **keras_deeplab.ARGUMENTS["expanded_conv"])
    names = {keras_deeplab.port_name(v.path): v.path for v in model.weights}
    assert keras_deeplab.source_names(list(names)) == {p: n for n, p in names.items()}


@pytest.mark.parametrize("package", ["pytorchcv", "chainercv2"])
@pytest.mark.parametrize("network", ["fastscnn", "contextnet"])
def test_no_two_weights_share_a_name(network, package):
    names = osmr.source_names(network, package)
    assert len(set(names.values())) == len(names)


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
