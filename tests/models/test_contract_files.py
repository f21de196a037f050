"""What every network of the zoo keeps to with files of weights, on whatever backend.

It runs on TensorFlow; that tensors reach the variables on the others is in test_backends.py.
"""

import dataclasses
import logging

import keras
import numpy as np
import pytest
from networks import CASES, CLASSES
from testing_tools import arrays, assert_same_weights, images, randomise, run

from scmnet_zoo.weights import manifest, read_checkpoint
from scmnet_zoo.weights.checkpoint import load_checkpoint, write_checkpoint
from scmnet_zoo.weights.metadata import Metadata

SUFFIXES = (".safetensors", ".keras", ".weights.h5")

every_network = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
# What a format does wrong it does with one network as with all.
every_format = pytest.mark.parametrize(
    ("case", "suffix"), [(CASES["fastscnn"], suffix) for suffix in SUFFIXES], ids=SUFFIXES
)
one_network = pytest.mark.parametrize("case", [CASES["fastscnn"]], ids=["fastscnn"])


@pytest.fixture
def write(models, tmp_path):
    """Writes a case's model in the format of a suffix and returns the path."""

    def writer(case, suffix, model=None):
        path = tmp_path / f"{case.key}{suffix}"
        model = model or models(case)
        if suffix == ".safetensors":
            case.write(model, path)
        elif suffix == ".keras":
            model.save(path)
        else:
            model.save_weights(path)
        return path

    return writer


@every_network
def test_keras_file_loads_without_the_factory(models, case, write):
    loaded = keras.models.load_model(write(case, ".keras"))
    assert_same_weights(loaded, models(case))
    x = images(64, 64)
    np.testing.assert_allclose(run(loaded, x), run(models(case), x), atol=1e-6)


@pytest.mark.parametrize(
    ("case", "suffix"),
    [
        *(pytest.param(case, ".safetensors", id=key) for key, case in CASES.items()),
        *(pytest.param(CASES["fastscnn"], suffix, id=suffix) for suffix in SUFFIXES[1:]),
    ],
)
def test_weights_from_a_file(models, case, write, suffix):
    model = case.build(weights=write(case, suffix), num_classes=CLASSES)
    assert_same_weights(model, models(case))
    x = images(64, 64)
    np.testing.assert_allclose(run(model, x), run(models(case), x), atol=1e-6)


@every_format
def test_number_of_classes_comes_with_the_weights(models, case, write, suffix):
    model = case.build(weights=str(write(case, suffix)))
    assert_same_weights(model, models(case))


@every_format
def test_other_classes_load_all_but_the_classifier(models, case, write, suffix, caplog):
    with caplog.at_level(logging.WARNING, "scmnet_zoo"):
        model = case.build(weights=write(case, suffix), num_classes=CLASSES + 1)
    total = len(model.weights)
    assert f"Loaded {total - 2} of {total} tensors" in caplog.text
    assert "head_classifier" in caplog.text
    stored = arrays(models(case))
    for path, value in arrays(model).items():
        if not path.startswith("head_classifier/"):
            np.testing.assert_array_equal(value, stored[path], err_msg=path)


@every_network
def test_statistics_come_with_the_weights(models, case, tmp_path):
    statistics = dataclasses.replace(case.normalisation, mean=(1.0, 2.0, 3.0))
    classes = tuple("abcde")
    path = tmp_path / "other.safetensors"
    write_checkpoint(
        path, models(case), Metadata(case.key, case.arguments, classes, statistics, (64, 96))
    )
    assert case.build(weights=path).get_layer("preprocessing").mean == [1.0, 2.0, 3.0]


@every_format
def test_file_of_another_network_is_refused(case, write, suffix):
    other = CASES["fastscnn" if case.key != "fastscnn" else "contextnet"]
    path = write(other, suffix)
    with pytest.raises(ValueError, match=r"network '\w+'|does not fit|Expected weights"):
        case.build(weights=path, num_classes=CLASSES)


@every_format
def test_truncated_file_is_refused(case, write, suffix):
    path = write(case, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"not a whole|cannot be read"):
        case.build(weights=path, num_classes=CLASSES)


@every_format
def test_values_that_are_not_finite_are_refused(case, write, suffix):
    model = randomise(case.build(num_classes=CLASSES))
    kernel = model.get_layer("head_classifier").kernel
    kernel.assign(keras.ops.full(kernel.shape, np.nan))
    path = write(case, suffix, model)
    with pytest.raises(ValueError, match=r"head_classifier/kernel holds values that are not fin"):
        case.build(weights=path, num_classes=CLASSES)


@one_network
def test_a_refused_file_leaves_the_model_untouched(models, case, write):
    checkpoint = read_checkpoint(write(case, ".safetensors"), case.key)
    tensors = dict(checkpoint.tensors)
    tensors[max(tensors)] = np.full_like(tensors[max(tensors)], np.inf)
    model = case.build(num_classes=CLASSES)
    before = arrays(model)
    with pytest.raises(ValueError, match="not finite"):
        load_checkpoint(model, dataclasses.replace(checkpoint, tensors=tensors), case.build)
    for path, value in arrays(model).items():
        np.testing.assert_array_equal(value, before[path])


@one_network
def test_missing_tensor_is_named(case, write):
    checkpoint = read_checkpoint(write(case, ".safetensors"), case.key)
    tensors = dict(checkpoint.tensors)
    lost = min(tensors)
    del tensors[lost]
    tensors["spare/kernel"] = np.zeros(3, "float32")
    model = case.build(num_classes=CLASSES)
    with pytest.raises(ValueError, match=f"it lacks {lost}; it holds spare/kernel"):
        load_checkpoint(model, dataclasses.replace(checkpoint, tensors=tensors), case.build)


@every_format
def test_missing_file(case, tmp_path, suffix):
    with pytest.raises(ValueError, match=r"Expected an existing weight file\. Received: .*none"):
        case.build(weights=tmp_path / f"none{suffix}")


@every_network
def test_unknown_name_lists_those_known(case, monkeypatch):
    known = dataclasses.replace(
        manifest.find("scmnet", "camvid"), network=case.key, name="camvid-512"
    )
    monkeypatch.setattr(manifest, "entries", lambda: (known,))
    with pytest.raises(ValueError, match=r"'camvid-512'.*Received: weights='nonsense'"):
        case.build(weights="nonsense")


def test_argument_that_contradicts_the_weights(tmp_path):
    case = CASES["scmnet"]
    path = tmp_path / "residual.safetensors"
    case.write(case.build(num_classes=CLASSES, residual=True), path, residual=True)
    assert case.build(weights=path).count_params()
    with pytest.raises(ValueError, match=r"Expected residual=True.*Received: residual=False"):
        case.build(weights=path, residual=False)


@pytest.mark.parametrize(
    ("key", "made", "layer", "received"),
    [
        ("scmnet", {"residual": False}, "residual=False in layer 'deep_stage1_0'", "residual=True"),
        ("deeplabv3plus", {"output_stride": 8}, r"strides=1 in layer 'expanded_conv_6'", "stri"),
        ("deeplabv3plus", {"aspp_rates": (2, 3, 4)}, r"rates=\(2, 3, 4\) in layer 'aspp'", "rates"),
    ],
)
def test_arguments_that_a_keras_file_was_made_with(tmp_path, key, made, layer, received):
    """They change no tensor's shape: with others the network would load and err."""
    case, path = CASES[key], tmp_path / "mine.keras"
    trained = randomise(case.build(num_classes=CLASSES, **made))
    trained.save(path)
    with pytest.raises(ValueError, match=f"^Expected .*mine.keras .*{layer}. Received: {received}"):
        case.build(weights=path)
    assert_same_weights(case.build(weights=path, **made), trained)
    assert case.build(weights=path, num_classes=2, **made).output_shape[-1] == 2


@one_network
def test_statistics_come_with_a_keras_file(case, tmp_path, models):
    statistics = dataclasses.replace(case.normalisation, mean=(1.0, 2.0, 3.0))
    metadata = Metadata(case.key, {}, tuple("abcde"), statistics)
    write_checkpoint(tmp_path / "other.safetensors", models(case), metadata)
    trained = case.build(weights=tmp_path / "other.safetensors")
    trained.save(tmp_path / "mine.keras")
    model = case.build(weights=tmp_path / "mine.keras")
    assert model.get_layer("preprocessing").mean == [1.0, 2.0, 3.0]
    x = images(64, 64)
    np.testing.assert_allclose(run(model, x), run(trained, x), atol=1e-6)

    case.build(num_classes=2, include_preprocessing=False).save(tmp_path / "bare.keras")
    model = case.build(weights=tmp_path / "bare.keras")
    assert model.get_layer("preprocessing").mean == list(case.normalisation.mean)
    for name in ("mine", "bare"):
        model = case.build(weights=tmp_path / f"{name}.keras", include_preprocessing=False)
        assert model.get_layer("preprocessing").mean is None


@pytest.mark.parametrize(
    ("key", "suffix"),
    [("scmnet", ".safetensors"), ("fastscnn", ".keras")],
)
def test_auxiliary_heads_are_optional_in_files(write, key, suffix, caplog):
    case = CASES[key]
    trained = randomise(case.build(num_classes=CLASSES, auxiliary=True))
    path = write(case, suffix, trained)
    everything = arrays(trained)
    plain = case.build(weights=path)
    for name, value in arrays(plain).items():
        np.testing.assert_array_equal(value, everything[name])
    assert_same_weights(case.build(weights=path, auxiliary=True), trained)
    assert not caplog.records

    other = case.build(weights=path, auxiliary=True, num_classes=CLASSES + 1)
    fresh = {v.path.split("/")[0] for v in other.weights if v.shape[-1] == CLASSES + 1}
    assert all(layer in caplog.text for layer in fresh)
    for name, value in arrays(other).items():
        if name.split("/")[0] not in fresh:
            np.testing.assert_array_equal(value, everything[name])


def test_auxiliary_heads_in_a_weights_h5_file(write):
    case = CASES["fastscnn"]
    trained = randomise(case.build(num_classes=CLASSES, auxiliary=True))
    path = write(case, ".weights.h5", trained)
    loaded = case.build(weights=path, auxiliary=True, num_classes=CLASSES)
    assert_same_weights(loaded, trained)
