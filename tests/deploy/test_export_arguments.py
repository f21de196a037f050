"""What `export` is asked for: sizes, outputs and images that it takes, and those it refuses."""

import keras
import numpy as np
import pytest
from testing_tools import images, randomise, toy

from scmnet_zoo import FastSCNN, SCMNet
from scmnet_zoo.deploy import Labelled, export, load
from scmnet_zoo.deploy.pipeline import in_float32

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are tested with TensorFlow"
)


def _refused(tmp_path, model, message, **arguments):
    with pytest.raises(ValueError, match=message) as error:
        export(model, tmp_path / "new" / "a.onnx", "onnx", **arguments)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(16, 64), (64,), 64, "64x96", (None, 64), (64.0, 64.0), ()])
def test_what_is_no_size(size, tmp_path):
    _refused(tmp_path, toy(), r"^Expected size to be \(height, width\), each 32 or more", size=size)


@pytest.mark.parametrize("original", [(0, 0), (10, 10), (None, 31), (100,), "100x100", 100, ()])
def test_what_is_no_original_size(original, tmp_path):
    message = r"^Expected original_size to be .* 32 or more, or None where it varies\. Received: or"
    _refused(tmp_path, toy(), message, size=(33, 40), original_size=original)


def test_the_size_that_a_network_was_made_for(tmp_path):
    model = SCMNet(weights="camvid", input_shape=(64, 96, 3))
    report = export(model, tmp_path / "a.onnx", "onnx", output="mask")
    assert report.comparison.sizes == ((64, 96),)
    assert load(tmp_path / "a.onnx").run(images(64, 96)).shape == (1, 64, 96)
    (tmp_path / "a.onnx").unlink()
    message = r"made for, \(64, 96\)\. Received: size=\(64, 64\)$"
    _refused(tmp_path, model, message, size=(64, 64))
    half = FastSCNN(weights=None, num_classes=5, input_shape=(None, 96, 3))
    _refused(tmp_path, half, r"made for, \(None, 96\)\. Received: size=None$")


def test_something_that_is_no_network(tmp_path):
    image = keras.Input((8,))
    dense = keras.Model(image, keras.layers.Dense(2)(image), name="dense")
    _refused(tmp_path, dense, r"^Expected a network of the zoo, .* Received: 'dense' of type")


def test_logits_are_not_written_as_probabilities(tmp_path):
    model = toy(num_classes=5, classifier_activation=None)
    message = r"^Expected the output logits or mask of a network without a softmax\. Rec.* prob"
    _refused(tmp_path, model, message, size=(33, 40))
    message = r"^Expected the output mask of a network without a softmax\. Received: prob"
    _refused(tmp_path, model, message, size=(33, 40), original_size=(50, 70))
    export(model, tmp_path / "a.onnx", "onnx", size=(33, 40), output="logits")
    options = {"size": (33, 40), "original_size": (50, 70), "output": "mask"}
    export(model, tmp_path / "b.onnx", "onnx", **options)


def _of_floats(**arguments):
    return randomise(FastSCNN(num_classes=5, include_preprocessing=False, **arguments))


def _floats(height, width, channels=3):
    values = np.random.default_rng(0).normal(size=(height, width, channels))
    return values.astype("float32")


def test_images_for_a_network_that_takes_floats(tmp_path):
    model = _of_floats()
    size = {"size": (64, 96)}
    _refused(tmp_path, model, "^Expected images to compare with, normalised, .* Rec.*none$", **size)
    message = r"^Expected images of float32 arrays of shape \(64, 96, 3\), normalised as"
    for wrong in (images(64, 96)[0], _floats(64, 95), _floats(64, 96)[None], "photo"):
        _refused(tmp_path, model, message, images=[wrong], **size)
    message = r"^Expected images of float32 arrays of shape \(height, 96, 3\)"
    halves = {"size": (64, 96), "original_size": (None, 96)}
    _refused(tmp_path, model, message, images=[_floats(64, 95)], **halves)
    message = r"^Expected images of float32 arrays of shape \(height, width, 3\)"
    _refused(tmp_path, model, message, images=[_floats(31, 95)])
    pictures = [_floats(64, 96), _floats(70, 81)]
    report = export(model, tmp_path / "a.onnx", "onnx", output="logits", images=pictures)
    assert report.comparison.sizes == ((64, 96), (70, 81))


def test_labelled_frames_are_bytes(tmp_path):
    model = _of_floats()
    message = "^Expected no labelled frames, which are uint8, for a network that takes float32"
    labelled = Labelled(type("Frames", (), {"samples": ["a"]})(), None)
    _refused(tmp_path, model, message, images=[_floats(64, 96)], labelled=labelled)


def test_four_channels(tmp_path):
    model = _of_floats(input_shape=(64, 96, 4))
    x = _floats(64, 96, 4)
    export(model, tmp_path / "a.onnx", "onnx", output="logits", images=[x])
    run = load(tmp_path / "a.onnx").run
    assert run(x[None]).shape == (1, 64, 96, 5)
    with pytest.raises(ValueError, match=r"^Expected float32 of shape \(1, 64, 96, 4\)\. Rec"):
        run(x[None, ..., :3])


def test_in_float32_leaves_float32_alone():
    model = toy()
    assert in_float32(model) is model
