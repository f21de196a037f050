"""INT8: what is quantised, what is compared, and what is refused."""

import keras
import numpy as np
import pytest
from testing_tools import images, randomise, toy

from scmnet_zoo import FastSCNN
from scmnet_zoo.deploy import Description, export, formats, fuse, load, parity, quality

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FILES = {"onnx": "a.onnx", "openvino": "a.xml", "litert": "a.tflite"}
MODULES = {"onnx": "onnx", "openvino": "nncf", "litert": "ai_edge_litert"}

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="LiteRT needs TensorFlow"
)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """A network of one layer is no faster in int8."""
    monkeypatch.setattr(quality, "_times", lambda *arguments: (2.0, 1.0))


def _deep():
    """A toy of several convolutions, so that some are between the first and the last."""
    keras.utils.set_random_seed(0)
    model = toy(num_classes=5, width=16)
    layers = {layer.name: layer for layer in model.layers}
    x = layers["stem_relu"].output
    for number in range(2):
        x = keras.layers.Conv2D(16, 3, padding="same", name=f"middle{number}")(x)
        x = keras.layers.Add(name=f"add{number}")([x, layers["stem_relu"].output])
        x = keras.layers.Activation("relu", name=f"relu{number}")(x)
    x = keras.layers.Conv2D(5, 1, name="head_classifier")(x)
    return keras.Model(model.input, keras.layers.Activation("softmax", name="softmax")(x))


def _calibration(count=8):
    return [images(40, 50, seed=seed)[0] for seed in range(count)]


@pytest.mark.parametrize("format", FILES)
def test_int8(format, tmp_path):
    pytest.importorskip(MODULES[format])
    path = tmp_path / FILES[format]
    about = Description("scmnet", classes=tuple("abcde"))
    arguments = {"size": (64, 96), "calibration": _calibration(), "description": about}
    report = export(_deep(), path, format, precision="int8", **arguments)
    assert 1e-4 < report.comparison.difference < 0.3
    assert report.comparison.equal > 0.9
    assert report.quality.seconds == (2.0, 1.0)
    assert report.quality.sizes[1] == report.size
    exported = load(path)
    assert exported.metadata["precision"] == "int8"
    assert exported.metadata["classes"] == '["a", "b", "c", "d", "e"]'
    assert exported.run(images(64, 96)).shape == (1, 64, 96, 5)


def test_the_classifier_and_what_is_before_the_first_convolution_stay_in_float(tmp_path):
    path = tmp_path / "a.onnx"
    export(_deep(), path, "onnx", size=(64, 96), precision="int8", calibration=_calibration())
    graph = onnx.load(path).graph
    weights = {one.name: one.data_type for one in graph.initializer}
    assert onnx.TensorProto.INT8 in weights.values()
    assert weights["head_classifier_kernel"] == onnx.TensorProto.FLOAT
    assert "middle0_kernel" not in weights


def test_in_openvino_what_reads_the_image_and_makes_the_scores_stays_in_float(tmp_path):
    pytest.importorskip("nncf")
    openvino = pytest.importorskip("openvino")
    from scmnet_zoo.deploy.onnx_writer import to_onnx
    from scmnet_zoo.deploy.targets import openvino_int8

    keras.utils.set_random_seed(0)
    model = fuse(FastSCNN(weights=None, num_classes=5), "mask", (64, 96))
    onnx.save(to_onnx(model, for_openvino=True), tmp_path / "a.onnx")
    read = openvino.Core().read_model(tmp_path / "a.onnx")
    floats = ["downsample_stem_conv", "head_classifier"]
    shots = [images(64, 96, seed=seed) for seed in range(2)]
    kernels = {}
    quantised = openvino_int8.quantise(read, shots).get_ordered_ops()
    for node in quantised:
        if node.get_type_name() in openvino_int8.CONVOLUTIONS:
            kernel, kinds = node.input_value(1).get_node(), set()
            while kernel.inputs():
                kinds.add(kernel.get_type_name())
                kernel = kernel.input_value(0).get_node()
            # NNCF stores kernels in int8, those of depthwise convolutions rounded to it.
            whole = "FakeQuantize" in kinds or not kernel.get_element_type().is_real()
            kernels[node.get_friendly_name().partition("/")[0]] = whole
    assert len(kernels) > 20
    assert sorted(name for name, whole in kernels.items() if not whole) == floats
    strips = [node for node in quantised if "mask_rows" in node.get_friendly_name()]
    readers = {one.get_node().get_type_name() for node in strips for one in node.input_values()}
    assert strips
    assert "FakeQuantize" not in readers


HINTS = {
    ("litert", "int8"): ("--precision f16", "--format openvino or onnx", "--calibrate"),
    ("onnx", "int8"): ("--precision f16", "--format openvino", "--calibrate"),
    ("openvino", "int8"): ("--precision f16", "--calibrate"),
    ("onnx", "f16"): ("--precision f32",),
    ("openvino", "bf16"): ("--precision f32",),
}


@pytest.mark.parametrize("case", HINTS, ids="_".join)
def test_a_refusal_says_what_to_do(case):
    """Whether classes, scores or mIoU are too far off."""
    hint, limits = formats.instead(*case), parity.Limits(0.1, 0.9, 1.0)
    for far in [(0.2, 0.95), (0.0, 0.8)]:
        with pytest.raises(ValueError, match="Received") as refusal:
            parity.check(parity.Comparison(1, ((8, 8),), *far), limits, "probabilities", "a", hint)
        assert str(refusal.value).endswith(f"; {hint}")
    lost = quality.Quality(("a",), (80.0,), (70.0,))
    with pytest.raises(ValueError, match="lose at most") as refusal:
        quality.check_quality(lost, limits, case[1], "a", hint)
    for word in HINTS[case]:
        assert word in str(refusal.value)
    with pytest.raises(ValueError, match=r"in float 1\.0 ms; take --precision f32 or f16 here"):
        quality.check_quality(quality.Quality(seconds=(0.001, 0.002)), limits, "int8", "a", hint)


def test_slower_than_float_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "_times", lambda *arguments: (0.001, 0.002))
    with pytest.raises(
        ValueError, match=r"faster than in float .* Received: 2\.0 ms, in float 1\.0"
    ):
        export(
            _deep(),
            tmp_path / "a.onnx",
            "onnx",
            size=(64, 96),
            precision="int8",
            calibration=_calibration(),
        )
    assert list(tmp_path.iterdir()) == []


def test_too_few_images():
    with pytest.raises(ValueError, match="Expected 8 images or more for the calibration"):
        export(toy(), "a.onnx", "onnx", precision="int8", calibration=_calibration(7))


@pytest.mark.parametrize("kind", ["calibration", "images"])
@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda image: (image / 255).astype("float32"), r"float32 \(\d+, \d+, 3\)"),
        (lambda image: image[..., 0], r"uint8 \(\d+, \d+\)"),
        (lambda image: image.tolist(), r"list \("),
    ],
)
def test_images_that_are_no_bytes(tmp_path, kind, change, received):
    """As bytes an image of 0..1 would be black, and so would the one it is compared on."""
    images = {"calibration": _calibration(), "images": _calibration(1)}
    images[kind] = [change(one) for one in images[kind]]
    message = (
        rf"Expected {kind} of uint8 arrays of shape \(height, width, 3\).*Received: {received}"
    )
    with pytest.raises(ValueError, match=message):
        export(toy(), tmp_path / "a.onnx", "onnx", size=(64, 96), precision="int8", **images)
    assert not list(tmp_path.iterdir())


def test_a_network_that_takes_floats_is_calibrated_by_floats(tmp_path):
    """Which are neither resized nor normalised; bytes 0..255 would set scales of no use."""
    model = randomise(FastSCNN(num_classes=5, include_preprocessing=False))
    rng = np.random.default_rng(0)
    floats = [rng.normal(size=(64, 96, 3)).astype("float32") for _ in range(8)]
    arguments = {"size": (64, 96), "precision": "int8", "output": "logits"}
    path = tmp_path / "a.onnx"
    for wrong in (_calibration(), [one[:32] for one in floats]):
        with pytest.raises(
            ValueError, match=r"^Expected calibration of float32 arrays of shape \(64, 96, 3\), nor"
        ):
            export(model, path, "onnx", calibration=wrong, **arguments)
    report = export(model, path, "onnx", calibration=floats, **arguments)
    assert report.comparison.frames == 4
    found, expected = load(path).run(floats[0][None]), fuse(model, "logits")(floats[0][None])
    assert np.corrcoef(found.ravel(), np.ravel(expected))[0, 1] > 0.9


def test_what_is_lost_is_told_by_class():
    from scmnet_zoo.deploy.parity import LIMITS

    found = quality.Quality(("road", "car"), (90.0, 50.0), (89.5, 47.0))
    assert np.isclose(found.lost, 1.75)
    with pytest.raises(ValueError, match=r"1\.75 lost; .* road 90\.00 to 89\.50, car 50\.00 to 47"):
        quality.check_quality(found, LIMITS["int8"], "int8", "the file")
    quality.check_quality(quality.Quality(("a",), (50.0,), (49.1,)), LIMITS["int8"], "int8", "it")


def test_a_litert_operator_that_fails_is_a_line(tmp_path, monkeypatch):
    """As the division of an attention in int8, whose divisor may become 0."""
    litert = pytest.importorskip("scmnet_zoo.deploy.targets.litert_file")

    class Failing:
        def __init__(self, *_, **__):
            pass

        def get_input_details(self):
            return [{"index": 0, "shape_signature": np.array([1, 4, 4, 3]), "dtype": np.uint8}]

        def allocate_tensors(self):
            pass

        def set_tensor(self, *_):
            pass

        def invoke(self):
            raise RuntimeError("div.cc: node 62 (DIV) failed to invoke")

    monkeypatch.setattr(litert, "Interpreter", Failing)
    (tmp_path / "some.tflite").write_bytes(b"")
    run, _ = litert.load(tmp_path / "some.tflite")
    with pytest.raises(ValueError, match=r"some\.tflite: .*node 62 .*; export in float32"):
        run(np.zeros((1, 4, 4, 3), np.uint8))
