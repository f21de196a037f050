"""A damaged or other file is refused, and the tensor told as the file names it."""

import h5py
import numpy as np
import pytest
from importer_tools import FILES, build_once, read, write

from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.importers import import_checkpoint
from scmnet_zoo.weights.foreign import scmnet

VICTIMS = {
    "released_scmnet_keras2_seed0.h5": "conv2d_105/kernel",
    "deeplab_mobilenetv2_keras2_seed0.h5": "expanded_conv_3_depthwise/depthwise_kernel",
    "fastscnn_chainer_seed0.npz": "stem/conv2/dw_conv/conv/W",
}
OTHERS = {
    "released_scmnet_keras2_seed0.h5": "DSConv1_output/bias",
    "deeplab_mobilenetv2_keras2_seed0.h5": "Conv_BN/gamma",
    "fastscnn_chainer_seed0.npz": "aux_head/conv1/bn/avg_var",
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


@pytest.fixture
def shapes_once(monkeypatch):
    build_once(monkeypatch)


@pytest.fixture(scope="module")
def contents(shared):
    return {name: read(shared / "golden" / name) for name in FILES}


@pytest.mark.needs_shared
@pytest.mark.usefixtures("shapes_once")
@pytest.mark.parametrize(
    ("damage", "victims"),
    [
        *((d, VICTIMS) for d in (renamed, missing, extra, reshaped, not_finite, integers)),
        *((d, OTHERS) for d in (renamed, missing)),
    ],
)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_named_as_the_file_names_it(name, damage, victims, contents, tmp_path):
    weights, culprit = damage(contents[name], victims[name])
    path = tmp_path / name
    write(path, weights)
    with pytest.raises(ValueError, match=r"Expected .* Received: ") as caught:
        import_checkpoint(path)
    message = str(caught.value)
    assert culprit in message
    assert str(path) in message
    assert "\n" not in message


def relayered(weights, old, new):
    return {
        f"{new}/{name.rpartition('/')[2]}" if name.rpartition("/")[0] == old else name: array
        for name, array in weights.items()
    }


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("conv2d_105", "conv2d_555", "lacks conv2d_105, also holds conv2d_555"),
        ("conv2d_99", "conv2d_7", "lacks conv2d_99 or conv2d_132, also holds conv2d_7"),
        ("conv2d_131", "mine", "lacks conv2d_98 or conv2d_131"),
        ("separable_conv2d_70", "mine", "lacks separable_conv2d_70"),
    ],
)
def test_gap_in_the_numbers_of_scmnet(old, new, named, contents):
    names = list(relayered(contents["released_scmnet_keras2_seed0.h5"], old, new))
    with pytest.raises(ValueError, match=f"a gap. Received: x, which {named}"):
        scmnet.source_names(names, "x")


@pytest.mark.needs_shared
@pytest.mark.parametrize("old", ["DSConv2_output", "F0/convd"])
def test_renamed_layer_of_scmnet(old, contents, tmp_path):
    write(tmp_path / "x.h5", relayered(contents["released_scmnet_keras2_seed0.h5"], old, "a/b"))
    with pytest.raises(ValueError, match=r"also holds 'a/b/[a-z_]*kernel'"):
        import_checkpoint(tmp_path / "x.h5")


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


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", FILES)
def test_number_of_classes(name, shared):
    with pytest.raises(ValueError, match=r"the 11 classes 'sky' to .* tells 19 apart") as caught:
        import_checkpoint(shared / "golden" / name, CAMVID.classes)
    assert name in str(caught.value)
