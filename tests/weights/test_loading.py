"""Which network weights are of, and the folder of a run in the place of a file."""

import dataclasses
import shutil

import keras
import pytest
from testing_tools import toy

from scmnet_zoo import FastSCNN, SCMNet, Segmenter
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.data import CAMVID
from scmnet_zoo.deploy import describe
from scmnet_zoo.loading import load, read_weights
from scmnet_zoo.training.teachers import teacher_network
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint
from scmnet_zoo.weights.registry import find_checkpoint, weights_file

NORMALISATION = Normalisation((128.0,) * 3, (64.0,) * 3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of a network of one layer in FastSCNN's place."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    model = toy(network="fastscnn")
    metadata = Metadata("fastscnn", {}, CAMVID.classes, NORMALISATION, (48, 64))
    write_checkpoint(folder / "best.safetensors", model, metadata)
    shutil.copy(folder / "best.safetensors", folder / "last.safetensors")
    return folder


@pytest.fixture(autouse=True)
def small_network():
    def make(weights=None, num_classes=None, **arguments):
        return toy(weights, num_classes, network="fastscnn", **arguments)

    card = dataclasses.replace(NETWORK_CARDS["fastscnn"], factory=make)
    with NETWORK_CARDS.temporarily(card):
        yield


def test_the_file_says_its_network(run):
    for weights in (run, str(run), f"{run}/", run / "last.safetensors"):
        assert read_weights(weights).network == "fastscnn"


def test_else_it_is_scmnet():
    assert read_weights("camvid").network == "scmnet"
    with pytest.raises(ValueError, match="known name for scmnet"):
        read_weights("nonsense")
    with pytest.raises(ValueError, match="known name for contextnet"):
        read_weights("nonsense", "contextnet")


def test_a_key_says_the_network():
    assert read_weights("scmnet/camvid").name == "camvid"
    with pytest.raises(ValueError, match=r"of the network 'fastscnn'\. Received: scmnet/camvid"):
        read_weights("scmnet/camvid", "fastscnn")


def test_a_file_that_says_nothing(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1, "float32")}, tmp_path / "plain.safetensors")
    assert read_weights(tmp_path / "plain.safetensors").network == "scmnet"
    (tmp_path / "damaged.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"damaged\.safetensors is not a whole safetensors file"):
        read_weights(tmp_path / "damaged.safetensors")


def test_what_is_loaded_says_where_it_is_from(run):
    loaded = load(run)
    assert loaded.model.name == "toy"
    assert loaded.metadata.classes == CAMVID.classes
    path = str(run / "best.safetensors")
    assert (loaded.source.network, loaded.source.name, loaded.source.file) == (
        "fastscnn",
        None,
        path,
    )
    same = load(read_weights(run))  # what was read is not read again
    assert same.source == loaded.source
    assert loaded.source.hash == describe("fastscnn", loaded).weights_hash


def test_a_run_stands_for_its_best_weights(run):
    assert weights_file(run) == str(run / "best.safetensors")
    assert weights_file(run / "last.safetensors") == str(run / "last.safetensors")
    assert weights_file("camvid") == "camvid"
    found = find_checkpoint("fastscnn", run)
    assert found.source == str(run / "best.safetensors")


def test_a_name_wins_over_a_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "camvid")
    shutil.copytree(run, "mine")
    assert weights_file("camvid") == "camvid"
    assert weights_file("./camvid") == "./camvid/best.safetensors"
    assert weights_file("mine") == "mine/best.safetensors"
    assert read_weights("mine").network == "fastscnn"


@pytest.mark.parametrize("use", [weights_file, read_weights, lambda w: SCMNet(weights=w)])
def test_a_folder_that_is_no_run(tmp_path, use):
    with pytest.raises(
        ValueError, match=r"run with best\.safetensors in it\. Received: .* without"
    ):
        use(str(tmp_path))


def test_another_network_than_the_weights_say(run):
    message = "of the network 'scmnet'. Received: .*'fastscnn'; take that network, or leave"
    with pytest.raises(ValueError, match=message):
        SCMNet(weights=run)
    with pytest.raises(ValueError, match=message):
        Segmenter("scmnet", weights=run / "best.safetensors")


def test_a_segmenter_needs_no_network(run):
    by_file = Segmenter(weights=run / "last.safetensors")
    for same in (Segmenter(weights=run), Segmenter("fastscnn", run), Segmenter(None, str(run))):
        assert same.classes == by_file.classes == CAMVID.classes
        assert same.training_size == (48, 64)
        assert same.model.name == "toy"


def test_a_description_and_a_teacher_of_a_run(run):
    about = describe("fastscnn", run)
    assert about.weights == "best.safetensors"
    assert about == describe("fastscnn", run / "best.safetensors")
    assert about.weights_hash.startswith("sha256:")
    assert teacher_network(run, CAMVID.classes).name == "toy"


def test_the_real_network(tmp_path):
    path = tmp_path / "real.safetensors"
    metadata = Metadata("fastscnn", {}, CAMVID.classes, NORMALISATION, (64, 96))
    write_checkpoint(path, FastSCNN(num_classes=11), metadata)
    card = dataclasses.replace(NETWORK_CARDS["fastscnn"], factory=FastSCNN)
    with NETWORK_CARDS.temporarily(card):
        assert Segmenter(weights=path).model.name == FastSCNN().name


# Keys, as `scmnet-zoo weights list` and the model cards write them


def test_a_key_that_is_none():
    assert read_weights("contextnet/camvid").network == "contextnet"
    with pytest.raises(ValueError, match=r"Received: contextnet/none"):
        read_weights("contextnet/none")


def test_weights_by_their_key():
    by_key, by_name = (find_checkpoint("scmnet", each) for each in ("scmnet/camvid", "camvid"))
    assert by_key.metadata == by_name.metadata
    assert by_key.source == by_name.source
    assert describe("scmnet", "scmnet/camvid") == describe("scmnet", "camvid")


def test_a_key_of_another_network():
    message = "Expected weights of the network 'scmnet'. Received: contextnet/camvid, which holds"
    with pytest.raises(ValueError, match=message):
        find_checkpoint("scmnet", "contextnet/camvid")


def test_a_file_goes_before_a_key(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "scmnet/camvid")
    assert read_weights("scmnet/camvid").network == "fastscnn"
    assert weights_file("scmnet/camvid").endswith("best.safetensors")
