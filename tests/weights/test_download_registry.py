"""Weights by a name from the user's manifest, of which the hash is right and the rest is not."""

import dataclasses
import hashlib
import io
import json
import types
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from testing_tools import arrays, randomise, relative_error, run, toy
from tls_server import Server, send

from scmnet_zoo import DeepLabV3Plus, FastSCNN, SCMNet
from scmnet_zoo.weights import Normalisation, manifest
from scmnet_zoo.weights.checkpoint import load_checkpoint
from scmnet_zoo.weights.entry import VERSION, Hash, Https, as_json
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.metadata import METADATA_KEY
from scmnet_zoo.weights.registry import entry_metadata, named_checkpoint

pytestmark = pytest.mark.network

SHIPPED = manifest.find("scmnet", "camvid")
METADATA = entry_metadata(SHIPPED)
CLASSES = METADATA.classes
BIAS = "head_classifier/bias"


@pytest.fixture(scope="module")
def tensors():
    """Those of the shipped network."""
    return named_checkpoint(SHIPPED).tensors


@pytest.fixture(autouse=True)
def _no_manifest_is_remembered():
    manifest._users_download.cache_clear()
    yield
    manifest._users_download.cache_clear()


def _packed(tensors, metadata=METADATA):
    text = {} if metadata is None else {METADATA_KEY: metadata.to_json()}
    return safetensors.numpy.save(tensors, text)


def _manifest(server, content):
    """The text of a manifest in which `content` is the file of scmnet/mine, and is served."""
    hash_ = {"sha256": hashlib.sha256(content).hexdigest()}
    url = server.give("/mine.safetensors", send(content))
    entry = {
        "network": "scmnet",
        "name": "mine",
        "state": "published",
        "arguments": METADATA.arguments,
        "dataset": "drawn",
        "classes": CLASSES,
        "normalisation": SHIPPED.normalisation,
        "training_size": METADATA.training_size,
        "parameters": 10,
        "licence": "Apache-2.0",
        "data_licence": "none",
        "recipe": None,
        "training_command": None,
        "file": {
            "name": "mine.safetensors",
            "format": "safetensors",
            "size": len(content),
            "hash": hash_,
            "sources": [{"kind": "https", "url": url}],
        },
        "results": [],
    }
    return json.dumps({"version": VERSION, "entries": [entry]})


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """A function that gives a file of weights the name `mine`."""

    def published(content):
        path = tmp_path / "manifest.json"
        path.write_text(_manifest(server, content))
        monkeypatch.setenv(manifest.USERS, str(path))

    return published


def _error(function, *arguments, **named):
    with pytest.raises(ValueError, match=r"mine\.safetensors") as caught:
        function(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_weights_of_the_users_manifest(publish, server, tensors):
    publish(_packed(tensors))
    loaded = arrays(SCMNet(weights="mine"))
    assert all(np.array_equal(loaded[path], value) for path, value in tensors.items())
    named_checkpoint(manifest.find("scmnet", "mine"))
    assert len(server.requests) == 1


def test_the_file_may_go_once_it_has_been_read(publish, tensors):
    publish(_packed(tensors))
    entry = manifest.find("scmnet", "mine")
    checkpoint = named_checkpoint(entry)
    cache.remove(entry.file)
    assert all(np.array_equal(checkpoint.tensors[path], value) for path, value in tensors.items())


def _without(tensors):
    return {path: value for path, value in tensors.items() if path != BIAS}


def _with_another(tensors):
    return {**tensors, "other/kernel": np.ones(3, "float32")}


def _in_another_shape(tensors):
    path = next(p for p, value in tensors.items() if value.ndim == 4 and "classifier" not in p)
    return {**tensors, path: tensors[path].reshape(-1)}


def _with_nan(tensors):
    bad = tensors[BIAS].copy()
    bad[0] = np.nan
    return {**tensors, BIAS: bad}


def _with_infinity(tensors):
    return {path: np.full_like(value, np.inf) for path, value in tensors.items()}


def _of_another_network(tensors):
    return {f"other_{path}": value for path, value in tensors.items()}


FAULTS = {
    _without: f"it lacks {BIAS}",
    _with_another: "it holds other/kernel, which the network has not",
    _in_another_shape: "has shape",
    _with_nan: f"{BIAS} holds values that are not finite",
    _with_infinity: "values that are not finite",
    _of_another_network: "it lacks",
}


@pytest.mark.parametrize(
    ("fault", "reason"), FAULTS.items(), ids=lambda f: getattr(f, "__name__", "")
)
def test_tensors_that_do_not_fit_change_nothing(publish, fault, reason):
    model = randomise(toy(num_classes=len(CLASSES)))
    before = arrays(model)
    publish(_packed(fault({path: value + 1 for path, value in before.items()})))
    checkpoint = named_checkpoint(manifest.find("scmnet", "mine"))
    assert reason in _error(load_checkpoint, model, checkpoint, lambda classes: model)
    after = arrays(model)
    assert all(np.array_equal(before[path], after[path]) for path in before)


@pytest.mark.parametrize("fault", [_without, _with_nan, _of_another_network])
def test_a_network_is_not_made_with_tensors_that_do_not_fit(publish, tensors, fault):
    publish(_packed(fault(tensors)))
    assert FAULTS[fault] in _error(SCMNet, weights="mine")


GOOD = _packed({BIAS: np.zeros(2, "float32")})
HEADERS = {
    "a length beyond the file": b"\xff" * 8 + GOOD[8:],
    "no JSON": GOOD[:8] + b"x" + GOOD[9:],
    "offsets beyond the file": GOOD.replace(b"[0,8]", b"[0,9]"),
    "cut": GOOD[:-1],
    "no header": GOOD[:4],
    "another type": GOOD.replace(b'"F32"', b'"F99"'),
    "nested": (100_000).to_bytes(8, "little") + b"[" * 100_000,
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_damaged_header(publish, content):
    assert content != GOOD
    publish(content)
    assert "is not a whole safetensors file" in _error(SCMNet, weights="mine")


OTHERS = {
    "network": ("fastscnn", "holds weights of 'fastscnn'"),
    "classes": (CLASSES[::-1], "what it says of itself"),
    "arguments": ({"residual": False}, "what it says of itself"),
    "normalisation": (Normalisation((0, 0, 0), (1, 1, 1)), "what it says of itself"),
}


@pytest.mark.parametrize("field", [*OTHERS, None])
def test_a_file_that_says_something_else_of_itself(publish, field):
    value, reason = OTHERS.get(field, (None, "what it says of itself"))
    metadata = None
    if field is not None:
        text = json.loads(METADATA.to_json())
        text[field] = vars(value) if isinstance(value, Normalisation) else value
        metadata = types.SimpleNamespace(to_json=lambda: json.dumps(text))
    publish(_packed({BIAS: np.zeros(len(CLASSES), "float32")}, metadata))
    assert reason in _error(SCMNet, weights="mine")


# The manifest itself


@pytest.fixture
def address(server, monkeypatch):
    """A function that serves the text of a manifest and sets the variable to its URL."""

    def served(text, digest=None, url=None):
        found = server.give("/manifest", send(text.encode())) if url is None else url
        digest = hashlib.sha256(text.encode()).hexdigest() if digest is None else digest
        monkeypatch.setenv(manifest.USERS, f"{found}#sha256={digest}")

    return served


@pytest.fixture
def text(server):
    return _manifest(server, GOOD)


def test_a_manifest_is_downloaded_once_and_kept(server, address, text, monkeypatch):
    address(text)
    for _ in range(2):
        assert manifest.find("scmnet", "mine").dataset == "drawn"
        manifest._users_download.cache_clear()
    assert len(server.requests) == 1
    monkeypatch.setenv("SCMNET_ZOO_OFFLINE", "1")
    assert manifest.find("scmnet", "mine").dataset == "drawn"


def test_another_manifest_than_expected(address, text):
    address(text, digest="0" * 64)
    with pytest.raises(OSError, match=r"manifest\.json cannot be had: .*expected sha256 000"):
        manifest.entries()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": 2, "entries": [{}]}'])
def test_what_is_no_manifest(address, content):
    address(content)
    with pytest.raises(ValueError, match=manifest.USERS) as caught:
        manifest.entries()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "#", "#sha256=", "#sha256=00", "#md5=" + "0" * 32])
def test_a_manifest_from_a_url_needs_a_hash(server, monkeypatch, text, end):
    monkeypatch.setenv(manifest.USERS, server.give("/manifest", send(text.encode())) + end)
    with pytest.raises(ValueError, match="a URL with a hash"):
        manifest.entries()
    assert server.connections == 0


def test_a_manifest_comes_by_https_only(home, address, text):
    with Server() as plain:
        address(text, url=plain.url("/manifest"))
        with pytest.raises(ValueError, match="a URL with a hash"):
            manifest.entries()
    assert plain.connections == 0


def test_a_manifest_that_is_too_large(address, text, monkeypatch):
    monkeypatch.setattr(manifest, "USERS_LIMIT", len(text) - 1)
    address(text)
    with pytest.raises(OSError, match="expected at most"):
        manifest.entries()


def test_a_manifest_cannot_be_had_offline(server, address, text, monkeypatch):
    address(text)
    monkeypatch.setenv("SCMNET_ZOO_OFFLINE", "1")
    with pytest.raises(OSError, match=r"/manifest: not asked, .*SCMNET_ZOO_OFFLINE is set"):
        manifest.entries()
    assert server.connections == 0


# Files of others


@pytest.mark.needs_shared
def test_fast_scnn_by_name_from_an_archive_of_chainercv2(
    server, shared, golden, tmp_path, monkeypatch
):
    """The way of a name; random weights stand for the public ones."""
    content = (shared / "golden" / "fastscnn_chainer_seed0.npz").read_bytes()
    archive = io.BytesIO()
    published = manifest.find("fastscnn", "cityscapes_osmr")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(published.file.name, content)
    url = server.give("/weights.npz.zip", send(archive.getvalue()))
    (source,) = published.file.sources
    file = dataclasses.replace(
        published.file,
        hash=Hash("sha1", hashlib.sha1(content).hexdigest()),
        sources=(dataclasses.replace(source, url=url),),
    )
    entry = as_json(dataclasses.replace(published, file=file))
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"version": VERSION, "entries": [entry]}))
    monkeypatch.setenv(manifest.USERS, str(path))

    for _ in range(2):  # from the server, then from the cache
        model = FastSCNN(
            weights="cityscapes_osmr", include_preprocessing=False, classifier_activation=None
        )
        logits = run(model, golden.image(0, 192, 384))[:, ::4, ::4]
        expected = np.load(shared / "golden" / "fastscnn_192x384_seed0.npz")["logits"]
        assert relative_error(logits, expected) < 1e-4
    assert len(server.requests) == 1


@pytest.mark.parametrize("backbone", ["xception", "mobilenet_v2"])
def test_the_backbones_files_come_by_their_entries(server, backbone, tmp_path, monkeypatch):
    """With other bytes, which are then refused as what they are not."""
    published = manifest.find(backbone, "imagenet")
    content = b"no HDF5"
    url = server.give("/x.h5", send(content))
    hash_ = published.file.hash and Hash("md5", hashlib.md5(content).hexdigest())
    size = {"size": len(content), "maximum_size": len(content)}
    source = Https(url)
    file = dataclasses.replace(published.file, hash=hash_, sources=(source,), **size)
    entry = as_json(dataclasses.replace(published, file=file))
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"version": VERSION, "entries": [entry]}))
    monkeypatch.setenv(manifest.USERS, str(path))
    with pytest.raises(ValueError, match=rf"{published.file.name} is not a whole HDF5 file"):
        DeepLabV3Plus(backbone=backbone, backbone_weights="imagenet")
    assert len(server.requests) == 1
