"""Exported files, each loaded again in its runtime and compared with the network."""

import json

import export_tools
import keras
import numpy as np
import pytest
from testing_tools import images, randomise, toy

from scmnet_zoo import deploy
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.deploy import Description, export, load

ort = pytest.importorskip("onnxruntime")

NAMES = {"onnx": "a.onnx", "openvino": "a.xml", "litert": "a.tflite", "saved_model": "a"}
MODULES = {"openvino": "openvino", "litert": "ai_edge_litert", "saved_model": "tensorflow"}
SIZES = [(96, 128), (131, 170), None]
CLASSES = ("sky", "road", "Straße", "tree", "car")

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="half of the formats need TensorFlow"
)


@pytest.fixture(scope="module")
def networks():
    made = {}

    def get(key):
        if key not in made:
            made[key] = export_tools.network(key)
        return made[key]

    return get


@pytest.fixture(scope="module")
def pipelines():
    """`pipeline`, which what it has made before it does not make again: formats only read it."""
    real, made = deploy.export.__globals__["pipeline"], {}

    def get(model, *arguments):
        key = (id(model), *arguments)
        if key not in made:
            made[key] = real(model, *arguments)
        return made[key]

    return get


def _cases():
    """All networks, formats and sizes; what takes long is run with `make long`."""
    for key in export_tools.KEYS:
        for format in NAMES:
            for size in SIZES:
                quick = (format, size) == ("onnx", None) or (key, format) == ("scmnet", "onnx")
                marks = [] if quick else [pytest.mark.long]
                name = "dynamic" if size is None else "{}x{}".format(*size)
                yield pytest.param(key, format, size, id=f"{key}-{format}-{name}", marks=marks)


@pytest.mark.parametrize(("key", "format", "size"), [*_cases()])
def test_every_network_in_every_format(
    key, format, size, networks, pipelines, tmp_path, monkeypatch
):
    """`export` itself compares, at two sizes where any will do; here once more, from the file."""
    pytest.importorskip(MODULES.get(format, "onnx"))
    monkeypatch.setitem(deploy.export.__globals__, "pipeline", pipelines)
    model, description = networks(key)
    photo = [images(120, 160)[0]]
    small = Description(
        description.network,
        description.weights,
        description.weights_hash,
        description.classes,
        (96, 130),
    )
    path = tmp_path / NAMES[format]
    report = export(model, path, format, size=size, description=small, images=photo)
    assert report.comparison.difference < 1e-4
    assert report.comparison.equal > 0.9999
    assert len(report.comparison.sizes) == (2 if size is None else 1)
    exported = load(path)
    x = images(*(size or (97, 127)), seed=1)
    expected = model(x.astype("float32"), training=False)
    np.testing.assert_allclose(exported.run(x), expected, atol=1e-4)
    assert exported.metadata["network"] == key


def _toy(**arguments):
    return toy(num_classes=5, **arguments)


every_format = pytest.mark.parametrize("format", NAMES)


def _written(tmp_path, format, **arguments):
    pytest.importorskip(MODULES.get(format, "onnx"))
    keras.utils.set_random_seed(0)
    model, path = _toy(), tmp_path / NAMES[format]
    arguments = {"size": (33, 40), "images": [images(40, 50)[0]], **arguments}
    return model, path, export(model, path, format, **arguments)


@every_format
def test_mask(format, tmp_path):
    model, path, report = _written(tmp_path, format, output="mask")
    assert report.comparison.difference is None
    found = load(path).run(images(33, 40))
    assert found.dtype == np.uint8
    scores = np.asarray(model(images(33, 40).astype("float32")))
    np.testing.assert_array_equal(found, scores.argmax(-1))


@every_format
def test_a_file_refuses_what_it_would_see_as_black(format, tmp_path):
    _, path, _ = _written(tmp_path, format, output="mask")
    run, x = load(path).run, images(33, 40)
    for wrong in ((x / 255).astype("float32"), x.astype("int64"), x[0], x[..., 0], x.tolist()):
        with pytest.raises(ValueError, match=r"^Expected uint8 of shape \(1, 33, 40, 3\)\. Rec"):
            run(wrong)
    for size, batch in [((33, 41), 1), ((66, 20), 1), ((33, 40), 2)]:
        with pytest.raises(ValueError, match=r"\(1, 33, 40, 3\)\. Received: uint8 \(\d, \d"):
            run(images(*size, batch))


@every_format
def test_a_file_of_any_size_refuses_small_sides_and_no_images(format, tmp_path):
    _, path, _ = _written(tmp_path, format, output="mask", original_size=(None, 50))
    run, x = load(path).run, images(34, 50, 2)
    batch = "1" if format == "litert" else "batch"
    assert run(x[:1]).shape == (1, 34, 50)
    if batch == "batch":
        assert run(x).shape == (2, 34, 50)
    for wrong in (x[:0], x[:, :, :40], x[:1, :31], np.repeat(x, 2, 3)):
        message = rf"^Expected uint8 of shape \({batch}, height, 50, 3\), sides of 32 or more\. Rec"
        with pytest.raises(ValueError, match=message):
            run(wrong)


def test_a_description_of_other_classes_is_refused(tmp_path):
    about = Description("scmnet", classes=tuple("abcdefgh"))
    with pytest.raises(ValueError, match=r"network with 5 classes\. Received: one with 8$"):
        export(_toy(), tmp_path / "a.onnx", "onnx", size=(33, 40), description=about)
    assert not list(tmp_path.iterdir())


@every_format
def test_logits(format, tmp_path):
    _, path, report = _written(tmp_path, format, output="logits")
    assert report.comparison.difference < 1e-3
    logits = load(path).run(images(33, 40))
    assert logits.min() < 0


@every_format
@pytest.mark.parametrize(
    "original", [(50, 70), (None, None), (None, 70)], ids=["fixed", "dynamic", "half"]
)
def test_images_are_resized_inside_and_the_result_back(format, original, tmp_path):
    """As `Segmenter` does: scores are resized bilinearly, then decided."""
    model, path, _ = _written(tmp_path, format, output="mask", original_size=original)
    x = images(50, 70)
    small = keras.ops.image.resize(x.astype("float32"), (33, 40), interpolation="bilinear")
    scores = keras.ops.image.resize(model(small), (50, 70), interpolation="bilinear")
    found = load(path).run(x)
    assert found.shape == (1, 50, 70)
    assert (found == np.asarray(scores).argmax(-1)).mean() > 0.999
    if original == (None, None):
        assert load(path).run(images(61, 47)).shape == (1, 61, 47)


@every_format
def test_metadata(format, tmp_path):
    palette = tuple((place, 7, 255) for place in range(5))
    about = Description(
        "scmnet", "camvid", "sha256:0123", CLASSES, (33, 40), palette, tuple("aabbb")
    )
    _, path, report = _written(tmp_path, format, description=about)
    found = load(path).metadata
    assert json.loads(found["classes"]) == list(CLASSES)
    assert json.loads(found["palette"]) == [[place, 7, 255] for place in range(5)]
    assert json.loads(found["categories"]) == list("aabbb")
    assert json.loads(found["normalisation"]) == {"mean": [128.0] * 3, "std": [64.0] * 3}
    assert json.loads(found["input"]) == {
        "layout": "NHWC",
        "type": "uint8",
        "colour": "RGB",
        "channels": 3,
        "network_size": [33, 40],
        "image_size": [33, 40],
    }
    layout = deploy.FORMATS[format].layout
    assert json.loads(found["output"]) == {"kind": "probabilities", "layout": layout}
    assert found["network"] == "scmnet"
    assert found["weights"] == "camvid"
    assert found["weights_hash"] == "sha256:0123"
    assert found["precision"] == "f32"
    assert found["zoo_version"] == deploy.description.__version__
    assert report.size > 1000


def test_the_description_of_shipped_weights():
    about = deploy.describe("scmnet", "camvid")
    assert about.weights == "camvid"
    assert about.weights_hash.startswith("sha256:")
    assert len(about.classes) == 11
    assert about.palette == CAMVID.palette
    assert deploy.describe("scmnet", None) == Description("scmnet")


@pytest.mark.parametrize(
    ("format", "precision"),
    [("onnx", "f16"), ("openvino", "f16"), ("openvino", "bf16"), ("litert", "f16")],
)
def test_lower_precision(format, precision, tmp_path):
    """Close, but not float32: the file differs more than that of float32 does."""
    _, path, report = _written(tmp_path, format, precision=precision)
    assert load(path).metadata["precision"] == precision
    if precision == "f16":
        assert 1e-7 < report.comparison.difference < 1e-2


def test_a_network_without_preprocessing_takes_floats(networks, tmp_path):
    from scmnet_zoo import ContextNet

    model = randomise(ContextNet(num_classes=3, include_preprocessing=False))
    path = tmp_path / "a.onnx"
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    export(model, path, "onnx", size=(64, 64), images=x)
    exported = load(path)
    assert json.loads(exported.metadata["input"])["type"] == "float32"
    np.testing.assert_allclose(exported.run(x), model(x), atol=1e-5)


def test_the_main_output_of_a_network_with_auxiliary_heads(tmp_path):
    model = _toy(auxiliary=True)
    export(model, tmp_path / "a.onnx", "onnx", size=(33, 40), images=[images(40, 50)[0]])
    expected = model(images(33, 40).astype("float32"))["main"]
    found = load(tmp_path / "a.onnx").run(images(33, 40))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@every_format
def test_a_file_that_differs_is_not_left(format, tmp_path, monkeypatch):
    """What was there stays."""
    pytest.importorskip(MODULES.get(format, "onnx"))
    path = tmp_path / NAMES[format]
    if format != "saved_model":
        path.write_text("old")
    before = sorted(tmp_path.rglob("*"))
    real = deploy.export.__globals__["pipeline"]

    def wrong(model, *arguments):
        made = real(model, *arguments)
        layer = next(one for one in made.layers if isinstance(one, keras.layers.Conv2D))
        layer.kernel.assign(layer.kernel * 1.5)
        return made

    monkeypatch.setitem(deploy.export.__globals__, "pipeline", wrong)
    with pytest.raises(ValueError, match=r"Expected the .* file in f32 to give what the network"):
        export(_toy(), path, format, size=(33, 40), images=[images(40, 50)[0]])
    assert sorted(tmp_path.rglob("*")) == before
    assert format == "saved_model" or path.read_text() == "old"


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_network_of_mixed_precision_is_written_in_float32(format, tmp_path):
    """Its own answer is that of half precision; the file's is that of its weights in float32."""
    pytest.importorskip(MODULES.get(format, "onnx"))
    path = tmp_path / NAMES[format]
    keras.utils.set_random_seed(0)
    plain = _toy()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = _toy(auxiliary=True)
        for layer in plain.layers:
            model.get_layer(layer.name).set_weights(layer.get_weights())
        report = export(model, path, format, size=(33, 40), original_size=(50, 70))
    finally:
        keras.config.set_dtype_policy(before)
    assert report.comparison.difference < 1e-5
    export(plain, tmp_path / f"plain{path.suffix}", format, size=(33, 40), original_size=(50, 70))
    x = images(50, 70)
    expected = load(tmp_path / f"plain{path.suffix}").run(x)
    np.testing.assert_allclose(load(path).run(x), expected, atol=1e-6)


@pytest.mark.parametrize("name", [*NAMES.values(), "a.zip"])
@pytest.mark.parametrize("content", [b"", b"no such file " * 20], ids=["empty", "text"])
def test_a_damaged_file_is_one_line_that_names_it(name, content, tmp_path):
    modules = {"a.xml": "openvino", "a.tflite": "ai_edge_litert", "a.zip": "jax"}
    pytest.importorskip(modules.get(name, "onnx"))
    path = tmp_path / name
    if path.suffix:
        path.write_bytes(content)
    else:
        path.mkdir()
        (path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match="expected a file that scmnet-zoo exported as") as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_nothing_that_is_nan_passes():
    from scmnet_zoo.deploy.parity import LIMITS, Comparison, check

    with pytest.raises(ValueError, match="differ by nan"):
        check(Comparison(1, ((1, 1),), float("nan"), 1.0), LIMITS["int8"], "probabilities", "it")
    with pytest.raises(ValueError, match=r"class at 99\.9% of the pixels\. Received: 50\.00%"):
        check(Comparison(1, ((1, 1),), None, 0.5), LIMITS["f32"], "mask", "it")


def test_load_refuses_what_it_does_not_know(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.onnx: expected an exported file"):
        load(tmp_path / "a.onnx")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match=r"ends in \.onnx, \.xml"):
        load(tmp_path / "a.txt")
