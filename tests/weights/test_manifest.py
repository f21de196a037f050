"""The parser of the manifest, and the shipped entries held against their files."""

import copy
import dataclasses
import hashlib
import json
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from testing_tools import arrays

from scmnet_zoo import NETWORKS
from scmnet_zoo.data import palette_for
from scmnet_zoo.weights import manifest, read_checkpoint
from scmnet_zoo.weights.registry import find_checkpoint

TEXT = manifest.manifest_path().read_text(encoding="utf-8")
ENTRIES = manifest.entries()
MAXIMUM_BYTES = 6_000_000

GOOD = {
    "name": "tiny",
    "network": "scmnet",
    "arguments": {},
    "dataset": "drawn",
    "classes": ["road", "sky"],
    "palette": [[1, 2, 3], [4, 5, 6]],
    "normalisation": {"mean": [1.0, 2.0, 3.0], "std": [1.0, 2.0, 3.0]},
    "training_size": [64, 96],
    "parameters": 10,
    "file": "tiny.safetensors",
    "size": 100,
    "sha256": "0" * 64,
    "licence": "Apache-2.0",
    "data_licence": "none",
    "training_command": "none",
    "results": [
        {
            "dataset": "drawn",
            "split": "test",
            "protocol": "A",
            "miou": 50.0,
            "iou": {"road": 40.0, "sky": 60.0},
            "command": "none",
        }
    ],
}


def _error(*entries, version=1):
    """The message of the error; one line."""
    with pytest.raises(ValueError, match="manifest") as caught:
        manifest.parse(json.dumps({"version": version, "entries": entries}))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_entry():
    (entry,) = manifest.parse(json.dumps({"version": 1, "entries": [GOOD]}))
    assert (entry.name, entry.classes, entry.training_size) == ("tiny", ("road", "sky"), (64, 96))
    assert entry.palette == ((1, 2, 3), (4, 5, 6))
    assert entry.results[0].miou == 50.0
    assert {field.name for field in dataclasses.fields(entry)} == set(GOOD)


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field(field):
    entry = {key: value for key, value in GOOD.items() if key != field}
    message = _error(entry)
    assert f"field '{field}' is missing" in message
    assert ("entry 0" if field in ("name", "network") else "scmnet/tiny") in message


@pytest.mark.parametrize("field", GOOD["results"][0])
def test_a_missing_field_of_a_result(field):
    entry = copy.deepcopy(GOOD)
    del entry["results"][0][field]
    assert f"scmnet/tiny: results: field '{field}' is missing" in _error(entry)


def test_an_unknown_field():
    assert "scmnet/tiny: unknown field 'url'" in _error({**GOOD, "url": "x"})
    result = {**GOOD["results"][0], "note": "x"}
    assert "results: unknown field 'note'" in _error({**GOOD, "results": [result]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3),
        ("parameters", "10"),
        ("parameters", True),
        ("parameters", 1.5),
        ("classes", "road"),
        ("classes", ["road", 3]),
        ("classes", ["road", ["sky"]]),
        ("classes", ["road", "road"]),
        ("palette", [[1, 2, 3]]),
        ("palette", [1, 2]),
        ("palette", [[1, 2], [3, 4]]),
        ("palette", [[1, 2, 3], [4, 5, 256]]),
        ("training_size", [64]),
        ("training_size", ["64", "96"]),
        ("training_size", [0, 96]),
        ("normalisation", {"mean": [1.0, 2.0, 3.0]}),
        ("normalisation", {"mean": [1.0], "std": [1.0]}),
        ("arguments", []),
        ("results", {}),
        ("sha256", "0" * 63),
        ("sha256", "0" * 65),
        ("sha256", "G" * 64),
        ("sha256", "A" * 64),
        ("sha256", "0" * 64 + "\n"),
        ("file", "../tiny.safetensors"),
        ("file", "folder/tiny.safetensors"),
        ("file", "folder\\tiny.safetensors"),
        ("file", "/etc/tiny.safetensors"),
        ("file", ".safetensors"),
        ("file", "tiny.h5"),
        ("file", "tiny.safetensors\n"),
    ],
)
def test_a_bad_value(field, value):
    message = _error({**GOOD, field: value})
    assert f"field '{field}'" in message
    assert ("scmnet/3" if field == "name" else "scmnet/tiny") in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("miou", "50"),
        ("miou", 101.0),
        ("miou", float("nan")),
        ("iou", {"road": 40.0}),
        ("iou", {"road": 40.0, "sky": 60.0, "car": 1.0}),
        ("iou", {"road": "40", "sky": 60.0}),
        ("iou", [40.0, 60.0]),
    ],
)
def test_a_bad_value_of_a_result(field, value):
    result = {**GOOD["results"][0], field: value}
    message = _error({**GOOD, "results": [result]})
    assert "scmnet/tiny: results" in message
    assert f"field '{field}'" in message


def test_an_entry_or_result_that_is_no_object():
    assert "entry 1: expected an object. Received: list" in _error(GOOD, [])
    assert "results: expected an object. Received: int" in _error({**GOOD, "results": [1]})


def test_the_same_name_twice():
    assert "scmnet/tiny is there twice" in _error(GOOD, GOOD)
    again = manifest.parse(
        json.dumps({"version": 1, "entries": [GOOD, {**GOOD, "network": "contextnet"}]})
    )
    assert len(again) == 2


def test_a_key_twice():
    text = json.dumps({"version": 1, "entries": [GOOD]})
    text = text.replace('"size": 100', '"size": 100, "size": 200')
    with pytest.raises(ValueError, match="manifest: the key 'size' is there twice"):
        manifest.parse(text)


def test_another_version():
    assert "expected version 1. Received: 2" in _error(GOOD, version=2)
    assert "field 'version'" in _error(GOOD, version=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 1}', '{"entries": []}'])
def test_no_manifest(text):
    with pytest.raises(ValueError, match=r"^manifest: "):
        manifest.parse(text)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"scmnet \('camvid'\).*Received: weights='cityscape'"):
        manifest.find("scmnet", "cityscape")
    with pytest.raises(ValueError, match="none yet"):
        manifest.find("deeplabv3plus", "camvid")


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    (entry,) = (e for e in ENTRIES if e.name == "camvid" and e.network == "scmnet")
    content = bytearray(manifest.local_file(entry).read_bytes())
    content[-1] ^= 1
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / entry.file).write_bytes(content)
    monkeypatch.setattr(manifest.resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=rf"{entry.file}: expected {entry.size} bytes with sha256"):
        manifest.local_file(entry)
    (tmp_path / "files" / entry.file).unlink()
    with pytest.raises(ValueError, match=r"Expected the shipped file .* for scmnet/camvid"):
        manifest.local_file(entry)


def test_a_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    """Who calls the folder of the dataset `camvid` still gets the weights of that name."""
    (tmp_path / "camvid").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("scmnet", "camvid").path.name == "scmnet_camvid.safetensors"
    with pytest.raises(ValueError, match="weight file that ends in one of"):
        find_checkpoint("scmnet", "other")
    with pytest.raises(ValueError, match="weight file that ends in one of"):
        find_checkpoint("scmnet", f".{os.sep}camvid")


def test_every_shipped_file_has_its_entry():
    folder = Path(str(resources.files("scmnet_zoo.weights"))) / "files"
    assert {path.name for path in folder.iterdir()} == {entry.file for entry in ENTRIES}
    assert manifest.parse(TEXT) == ENTRIES


@pytest.fixture(params=ENTRIES, ids=lambda entry: f"{entry.network}-{entry.name}")
def entry(request):
    return request.param


def test_file(entry):
    content = manifest.local_file(entry).read_bytes()
    assert len(content) == entry.size < MAXIMUM_BYTES
    assert hashlib.sha256(content).hexdigest() == entry.sha256


def test_metadata(entry):
    metadata = read_checkpoint(manifest.local_file(entry), entry.network).metadata
    assert metadata.network == entry.network
    assert metadata.arguments == entry.arguments
    assert metadata.classes == entry.classes
    assert list(metadata.normalisation.mean) == entry.normalisation["mean"]
    assert list(metadata.normalisation.std) == entry.normalisation["std"]
    assert metadata.training_size == entry.training_size
    assert entry.palette == palette_for(entry.classes)


def test_results(entry):
    assert entry.results
    for result in entry.results:
        assert result.miou == pytest.approx(np.mean(list(result.iou.values())), abs=0.01)
        assert f"--protocol {result.protocol}" in result.command
        assert f"--weights {entry.name}" in result.command


def test_tensors_and_model(entry):
    factory = NETWORKS[entry.network]
    model = factory(weights=entry.name)
    assert model.count_params() == entry.parameters
    tensors = read_checkpoint(manifest.local_file(entry), entry.network).tensors
    loaded = arrays(model)
    assert tensors.keys() == loaded.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32, name
        assert np.isfinite(tensor).all(), name
        np.testing.assert_array_equal(tensor, loaded[name], err_msg=name)
    fresh = arrays(factory(num_classes=len(entry.classes), **entry.arguments))
    assert {name: t.shape for name, t in tensors.items()} == {n: t.shape for n, t in fresh.items()}


# Measured on TensorFlow 2.21.
STREET = {"sky": 0.365, "road": 0.330, "tree": 0.226, "car": 0.065}


def test_answer_on_the_example():
    """What SCMNet with the shipped weights sees on the example photograph."""
    from scmnet_zoo import segment

    photo = Path(str(resources.files("scmnet_zoo"))) / "example" / "street.jpg"
    shares = segment(photo, "scmnet", "camvid").shares
    assert list(shares)[:4] == list(STREET)
    for name, share in STREET.items():
        assert shares[name] == pytest.approx(share, abs=0.003), name
    assert sum(shares.values()) == pytest.approx(1)
