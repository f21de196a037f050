"""`scmnet-zoo export`: what it writes and prints, and one line for what cannot be."""

import importlib.util
import os
import signal
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest
import scenes
from photo_tools import pixels
from PIL import Image
from testing_tools import toy
from typer.testing import CliRunner

from scmnet_zoo import cli, deploy
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.data import CAMVID
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

pytest.importorskip("onnxruntime")

from scmnet_zoo.deploy import inputs, load, parity, quality

runner = CliRunner()

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the formats are tested with TensorFlow"
)


@pytest.fixture(autouse=True)
def small_network():
    """A network of one layer takes SCMNet's place."""
    with NETWORK_CARDS.temporarily(replace(NETWORK_CARDS["scmnet"], factory=_network)):
        yield


def _network(weights=None, num_classes=11, **arguments):
    """Its biases keep the classes apart where the first layer gives nothing."""
    keras.utils.set_random_seed(0)
    model = toy(num_classes=num_classes, **arguments)
    classifier = model.get_layer("head_classifier")
    classifier.bias.assign(np.random.default_rng(0).normal(0, 0.1, num_classes))
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    metadata = Metadata(
        "scmnet", {}, CAMVID.classes, Normalisation((128.0,) * 3, (64.0,) * 3), (48, 64)
    )
    write_checkpoint(path, _network(), metadata)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        Image.fromarray(pixels(60, 80, number)).save(folder / f"{number}.png")
    return folder


def _export(weights, *options):
    given = [*map(str, options)]
    defaults = [("--weights", weights), ("--format", "onnx")]
    more = [part for key, value in defaults if key not in given for part in (key, str(value))]
    return runner.invoke(cli.app, ["export", *given, *more], env={"COLUMNS": "200"})


def _fails(weights, *options):
    """One line on stderr and no traceback; returns it."""
    result = _export(weights, *options)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    line = [one for one in result.stderr.splitlines() if one.startswith("scmnet-zoo")]
    assert len(line) == 1
    assert result.stderr.splitlines()[-1] == line[0]
    return line[0].removeprefix("scmnet-zoo: error: ")


def test_an_onnx_file(weights, tmp_path):
    path = tmp_path / "new" / "a.onnx"
    result = _export(weights, "--output", path)
    assert result.exit_code == 0, result.output
    assert "1 image(s) at 48x64" in result.stdout
    assert "pixels of the same class" in result.stdout
    exported = load(path)
    assert exported.run(np.zeros((1, 48, 64, 3), "uint8")).shape == (1, 48, 64, 11)
    assert exported.metadata["weights"] == "mine.safetensors"
    assert exported.metadata["weights_hash"].startswith("sha256:")


def test_the_network_of_the_weights(weights, tmp_path):
    """Of a run's folder too; another that is named is refused."""
    run = tmp_path / "run"
    run.mkdir()
    metadata = Metadata(
        "contextnet", {}, CAMVID.classes, Normalisation((128.0,) * 3, (64.0,) * 3), (48, 64)
    )
    write_checkpoint(run / "best.safetensors", _network(), metadata)

    def make(weights=None, num_classes=11, **arguments):
        return _network(weights, num_classes, network="contextnet", **arguments)

    card = replace(NETWORK_CARDS["contextnet"], factory=make)
    path = tmp_path / "a.onnx"
    with NETWORK_CARDS.temporarily(card):
        result = _export(run, "--weights", run, "--output", path)
    assert result.exit_code == 0, result.output
    assert load(path).metadata["network"] == "contextnet"
    assert load(path).metadata["weights"] == "best.safetensors"
    line = _fails(run, "--weights", run, "--network", "scmnet", "--output", tmp_path / "b.onnx")
    assert "Expected weights of the network 'scmnet'. Received: " in line
    assert "holds weights of 'contextnet'; take that network, or leave --network out" in line


def test_a_mask_of_images_of_any_size(weights, tmp_path):
    path = tmp_path / "a.onnx"
    options = ["--output-kind", "mask", "--original-size", "dynamic", "--size", "64x96"]
    assert _export(weights, "--output", path, *options).exit_code == 0
    for size in [(70, 90), (33, 121)]:
        found = load(path).run(np.zeros((1, *size, 3), "uint8"))
        assert (found.shape, found.dtype) == ((1, *size), np.uint8)


def test_a_dynamic_size(weights, tmp_path):
    result = _export(weights, "--output", tmp_path / "a.onnx", "--size", "dynamic")
    assert result.exit_code == 0, result.output
    assert "at 48x64, 37x49" in result.stdout


def test_scores_of_a_dataset(weights, tmp_path, monkeypatch):
    data = scenes.draw(tmp_path / "camvid", {"train": 1, "test": 3}, (720, 960))
    path = tmp_path / "a.onnx"
    options = ["--data", data, "--size", "45x60", "--frames", "2"]
    result = _export(weights, "--output", path, *options)
    assert result.exit_code == 0, result.output
    assert "pedestrian" in result.stdout
    assert "+0.00" in result.stdout
    monkeypatch.setitem(parity.LIMITS, "f32", parity.Limits(1e-3, 0.999, -1.0))
    line = _fails(weights, "--output", tmp_path / "b.onnx", *options)
    assert "Expected the onnx file in f32 to lose at most -1.0 mIoU" in line
    assert "IoU by class: sky " in line
    assert not (tmp_path / "b.onnx").exists()


IMPOSSIBLE = {
    "format": (["--format", "caffe"], "Expected format to be one of onnx, openvino"),
    "precision": (["--precision", "f64"], "Expected precision to be one of f32, f16"),
    "no_bf16": (["--precision", "bf16"], "one of f32, f16, int8 for onnx. Received: 'bf16'"),
    "saved_model_int8": (
        ["--format", "saved_model", "--precision", "int8", "--output", "a"],
        "Expected precision to be one of f32 for saved_model. Received: 'int8'",
    ),
    "no_calibration": (["--precision", "int8"], "Expected images for the calibration"),
    "calibration_folder": (
        ["--precision", "int8", "--calibrate", "nowhere"],
        "nowhere: expected a folder of images",
    ),
    "dynamic_tensorrt": (
        ["--format", "tensorrt", "--output", "a.engine", "--size", "dynamic"],
        "Expected a size, e.g. 720x960, for tensorrt",
    ),
    "dynamic_original_jax": (
        ["--format", "jax", "--output", "a.zip", "--original-size", "dynamic"],
        "Expected a size, e.g. 720x960, for jax",
    ),
    "dynamic_litert_int8": (
        [
            *("--format", "litert", "--output", "a.tflite", "--size", "dynamic"),
            *("--precision", "int8", "--calibrate", "."),
        ],
        "Expected a size, e.g. 720x960, for litert in int8",
    ),
    "suffix": (["--format", "openvino"], "Expected an output that ends in .xml for openvino"),
    "output_is_a_folder": (["--output", "folder.onnx"], "folder.onnx: expected a file to write"),
    "output_in_a_file": (["--output", "file/a.onnx"], "file: expected a folder. Received: a file"),
    "folder_exists": (
        ["--format", "saved_model", "--output", "folder.onnx"],
        "expected a folder that is not there yet",
    ),
    "kind": (["--output-kind", "colours"], "Expected output to be one of probabilities, logits"),
    "small": (["--size", "16x64"], "Expected size to be (height, width), each 32 or more"),
    "small_original": (
        ["--original-size", "10x10"],
        "or None where it varies. Received: original_size=(10, 10)",
    ),
    "network": (["--network", "unet"], "Expected network to be one of"),
    "weights": (["--weights", "nowhere"], "Expected weights"),
    "resized_without_a_size": (
        ["--size", "dynamic", "--original-size", "dynamic"],
        "Expected a size for the network where images are resized inside",
    ),
    "jax": (["--format", "jax", "--output", "a.zip"], "Expected the Keras backend jax"),
    "data": (["--data", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_is_one_line(case, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").touch()
    if case in ("dynamic_tensorrt", "jax"):
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name or found(name))
    before = sorted(tmp_path.rglob("*"))
    options, message = IMPOSSIBLE[case]
    output = [] if "--output" in options else ["--output", "a.onnx"]
    assert message in _fails(weights, *options, *output)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("format", "output", "missing", "how"),
    [
        ("onnx", "a.onnx", "onnxruntime", "pip install 'scmnet-zoo[export]'"),
        ("openvino", "a.xml", "openvino", "pip install 'scmnet-zoo[openvino]'"),
        ("litert", "a.tflite", "ai_edge_litert", "pip install 'scmnet-zoo[litert]'"),
        ("tensorrt", "a.engine", "tensorrt", "trtexec --onnx=FILE.onnx --saveEngine=FILE.engine"),
        ("jax", "a.zip", "jax", "pip install 'scmnet-zoo[jax]'"),
    ],
)
def test_a_runtime_that_is_not_installed(
    format, output, missing, how, weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else name)
    line = _fails(weights, "--format", format, "--output", tmp_path / output)
    assert f"Expected {missing} to be installed for {format}" in line
    assert how in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value"), [("--frames", "2"), ("--split", "val"), ("--dataset", "cityscapes")]
)
def test_what_says_something_of_a_dataset_needs_one(option, value, weights, tmp_path):
    result = _export(weights, "--output", tmp_path / "a.onnx", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for {option}: expected --data DIR with it" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_no_folders(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(parity.LIMITS, "f32", parity.Limits(-1.0, 0.999, 0.1))
    line = _fails(weights, "--output", tmp_path / "new" / "folder" / "a.onnx")
    assert "to give what the network gives" in line
    assert not list(tmp_path.iterdir())


def test_too_few_images(weights, photos, tmp_path):
    (photos / "7.png").unlink()
    line = _fails(
        weights, "--precision", "int8", "--calibrate", photos, "--output", tmp_path / "a.onnx"
    )
    assert line == "Expected 8 images or more for the calibration. Received: 7"
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("count", [8, 24])
@pytest.mark.parametrize("sides", [(60, 80), (200, 300)])
def test_photographs_of_a_calibration_are_not_kept(
    weights, photos, tmp_path, monkeypatch, count, sides
):
    """They are reduced to the file's size as they are read: at most two are there at full size."""
    made, most, found = [], [0], inputs.read_image

    def read(path):
        image = found(path)
        made.append(weakref.ref(image))
        most.append(sum(one() is not None for one in made))
        return image

    monkeypatch.setattr(inputs, "read_image", read)
    monkeypatch.setattr(quality, "_times", lambda *arguments: (2.0, 1.0))
    for number in range(count):
        Image.fromarray(pixels(*sides, number)).save(photos / f"{number}.png")
    path = tmp_path / "a.onnx"
    result = _export(weights, "--precision", "int8", "--calibrate", photos, "--output", path)
    assert result.exit_code == 0, result.output
    assert "4 image(s) at 48x64" in result.stdout
    assert max(most) <= 2
    assert len(most) > count


@pytest.mark.parametrize("place", [0, 5])
def test_a_damaged_photograph_of_a_calibration_is_named(weights, photos, tmp_path, place):
    (photos / f"{place}.png").write_bytes(b"no photograph")
    options = ["--precision", "int8", "--calibrate", photos, "--output", tmp_path / "a.onnx"]
    assert f"{photos / f'{place}.png'}: expected an image" in _fails(weights, *options)
    assert not (tmp_path / "a.onnx").exists()


def test_int8_that_is_too_far_off_says_what_to_do(weights, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(parity.LIMITS, "int8", parity.Limits(1.0, 1.1, 1.0))
    options = ["--precision", "int8", "--calibrate", photos, "--output", tmp_path / "a.onnx"]
    line = _fails(weights, *options)
    assert "network's class at 110.0% of the pixels. Received: " in line
    assert line.endswith("or instead --precision f16, --format openvino")


def test_sigterm_leaves_nothing(weights, tmp_path, monkeypatch):
    def ended(*arguments):
        assert len(list(tmp_path.iterdir())) == 1  # what is being written
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setitem(deploy.export.__globals__, "compare", ended)
    before = signal.getsignal(signal.SIGTERM)
    result = _export(weights, "--size", "48x64", "--output", tmp_path / "a.onnx")
    assert result.exit_code == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_folder_that_cannot_be_written(weights, tmp_path, monkeypatch):
    def refuse(*arguments, **named):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("scmnet_zoo.files.tempfile.mkdtemp", refuse)
    line = _fails(weights, "--output", tmp_path / "a.onnx")
    assert line == f"{tmp_path / 'a.onnx'}: cannot be written: Permission denied"
