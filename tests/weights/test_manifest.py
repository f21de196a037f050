"""The parser of the manifest, and the shipped entries held against their files."""

import copy
import dataclasses
import hashlib
import itertools
import json
import os
import re
import shlex
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from testing_tools import arrays, images, run

from scmnet_zoo import NETWORKS
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.data.labels import LABEL_SPACES
from scmnet_zoo.training import shipped_recipe, with_overrides
from scmnet_zoo.weights import State, manifest, read_checkpoint, state_of
from scmnet_zoo.weights.entry import Hash, Https, Hub, Made, Wheel, as_json
from scmnet_zoo.weights.fetch import download
from scmnet_zoo.weights.fetch.download import packaged_path
from scmnet_zoo.weights.inventory import stated_path
from scmnet_zoo.weights.places import own_path
from scmnet_zoo.weights.registry import entry_metadata, find_checkpoint

TEXT = manifest.manifest_path().read_text(encoding="utf-8")
ENTRIES = manifest.parse(TEXT)
SHIPPED = [entry for entry in ENTRIES if entry.file is not None and Wheel() in entry.file.sources]
MAXIMUM_BYTES = 33_000_000  # of all together, so that the wheel stays small

GOOD = {
    "network": "scmnet",
    "name": "tiny",
    "state": "published",
    "arguments": {},
    "dataset": "drawn",
    "classes": ["road", "sky"],
    "normalisation": {"mean": [1.0, 2.0, 3.0], "std": [1.0, 2.0, 3.0]},
    "training_size": [64, 96],
    "parameters": 10,
    "licence": "Apache-2.0",
    "data_licence": "none",
    "recipe": "scmnet_camvid",
    "training_command": "none",
    "file": {
        "name": "tiny.safetensors",
        "format": "safetensors",
        "size": 100,
        "hash": {"sha256": "0" * 64},
        "sources": [
            {"kind": "wheel"},
            {"kind": "hub", "repository": "user/name", "revision": "a" * 40},
            {"kind": "https", "url": "https://host/tiny.safetensors"},
        ],
    },
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
FOREIGN = {
    **GOOD["file"],
    "name": "tiny.npz",
    "format": "chainercv2",
    "size": None,
    "maximum_size": 200,
    "hash": {"sha1": "0" * 40},
    "sources": [{"kind": "https", "url": "https://host/tiny.npz.zip", "unzip": True}],
}
UNPUBLISHED = {
    key: value for key, value in GOOD.items() if key not in ("state", "file", "results")
} | {"state": "unpublished"}
MADE = {
    **UNPUBLISHED,
    "made": {"size": 100, "sha256": "0" * 64},
    "results": GOOD["results"],
}


def _text(*entries, version=2):
    return json.dumps({"version": version, "entries": entries})


def _error(*entries, version=2):
    """The message of the error; one line."""
    with pytest.raises(ValueError, match="manifest") as caught:
        manifest.parse(_text(*entries, version=version))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def _changed(path, value):
    """The good entry with another value at a path of keys, or without it."""
    entry = copy.deepcopy(GOOD)
    *parents, last = path
    inner = entry
    for key in parents:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return entry


# The parser


def test_a_good_entry():
    (entry,) = manifest.parse(_text(GOOD))
    assert (entry.key, entry.classes, entry.training_size) == (
        "scmnet/tiny",
        ("road", "sky"),
        (64, 96),
    )
    assert entry.results[0].miou == 50.0
    assert entry.file.hash == Hash("sha256", "0" * 64)
    assert entry.file.sources == (
        Wheel(),
        Hub("user/name", "a" * 40),
        Https("https://host/tiny.safetensors"),
    )


def test_an_entry_of_a_file_of_others():
    (entry,) = manifest.parse(_text({**GOOD, "file": FOREIGN}))
    assert (entry.file.size, entry.file.maximum_size) == (None, 200)
    assert entry.file.sources == (Https("https://host/tiny.npz.zip", unzip=True),)


@pytest.mark.parametrize("raw", [GOOD, {**GOOD, "file": FOREIGN}, UNPUBLISHED, MADE])
def test_as_json_is_the_inverse_of_parse(raw):
    (entry,) = manifest.parse(_text(raw))
    assert as_json(entry) == raw


def test_an_unpublished_entry_has_no_file():
    (entry,) = manifest.parse(_text(UNPUBLISHED))
    assert (entry.file, entry.results) == (None, ())
    for field in ("file", "results"):
        assert f"field '{field}'" in _error({**UNPUBLISHED, field: GOOD[field]})
    for field in ("recipe", "training_command"):
        assert f"field '{field}'" in _error({**UNPUBLISHED, field: None})


def test_an_unpublished_entry_of_a_run_that_was_measured():
    (entry,) = manifest.parse(_text(MADE))
    assert (entry.file, entry.made) == (None, Made(100, "0" * 64))
    assert entry.results[0].miou == 50.0
    assert "field 'file'" in _error({**MADE, "file": GOOD["file"]})
    assert "field 'made'" in _error({**GOOD, "made": MADE["made"]})
    assert "field 'made'" in _error({**MADE, "made": {"size": 100}})
    assert "field 'made.sha256'" in _error({**MADE, "made": {"size": 100, "sha256": "0"}})
    assert "'results' is missing" in _error({**UNPUBLISHED, "made": MADE["made"]})


@pytest.mark.parametrize(
    "path",
    [
        *((field,) for field in GOOD),
        *(("file", field) for field in GOOD["file"]),
        *(("results", 0, field) for field in GOOD["results"][0]),
        ("file", "sources", 1, "repository"),
        ("file", "sources", 1, "revision"),
        ("file", "sources", 2, "url"),
        ("normalisation", "mean"),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_missing_field(path):
    message = _error(_changed(path, None))
    assert f"field {path[-1]!r} is missing" in message
    assert ("entry 0" if path in (("name",), ("network",)) else "entry scmnet/tiny") in message
    if len(path) > 1:
        assert f"field {'.'.join(map(str, path[:-1]))!r}" in message


@pytest.mark.parametrize(
    "path",
    [
        ("note",),
        ("file", "sha1"),
        ("file", "hash", "sha512"),
        ("file", "sources", 0, "path"),
        ("file", "sources", 1, "path"),
        ("file", "sources", 2, "sha256"),
        ("results", 0, "niou"),
        ("normalisation", "scale"),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_an_unknown_field(path):
    message = _error(_changed(path, "x"))
    assert f"unknown field {path[-1]!r}" in message
    assert "entry scmnet/tiny" in message


HOSTILE_NAMES = [
    "../tiny.safetensors",
    "folder/tiny.safetensors",
    "folder\\tiny.safetensors",
    "/etc/tiny.safetensors",
    ".safetensors",
    ".tiny.safetensors",
    "tiny.h5",
    "tiny.exe",
    "tiny.safetensors\n",
    "t\u0131ny.safetensors",
    "tiny safetensors",
    "x" * 130 + ".safetensors",
    "con.safetensors",
    "NUL.safetensors",
    "lpt1.x.safetensors",
]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), 3),
        (("name",), "../tiny"),
        (("name",), "Tiny"),
        (("network",), "resnet"),
        (("state",), "soon"),
        (("parameters",), "10"),
        (("parameters",), True),
        (("parameters",), 1.5),
        (("parameters",), 0),
        (("classes",), "road"),
        (("classes",), ["road", 3]),
        (("classes",), ["road", ["sky"]]),
        (("classes",), ["road", "road"]),
        (("classes",), ["road", "two\nlines"]),
        (("training_size",), [64]),
        (("training_size",), ["64", "96"]),
        (("training_size",), [0, 96]),
        (("normalisation", "mean"), [1.0]),
        (("normalisation", "std"), [1.0, 2.0, 0.0]),
        (("arguments",), []),
        (("licence",), ""),
        (("training_command",), "two\nlines"),
        (("results",), {}),
        (("results", 0), 1),
        (("results", 0, "miou"), "50"),
        (("results", 0, "miou"), 101.0),
        (("results", 0, "iou"), {"road": 40.0}),
        (("results", 0, "iou"), {"road": 40.0, "sky": 60.0, "car": 1.0}),
        (("results", 0, "iou"), {"road": "40", "sky": 60.0}),
        (("results", 0, "iou"), [40.0, 60.0]),
        (("file", "size"), 0),
        (("file", "size"), -1),
        (("file", "size"), 10**15),
        (("file", "maximum_size"), 100),
        (("file", "format"), "pickle"),
        (("file", "hash"), {}),
        (("file", "hash"), "0" * 64),
        (("file", "hash"), {"sha1": "0" * 40}),
        (("file", "hash"), {"md5": "0" * 32}),
        (("file", "hash"), {"sha256": "0" * 64, "md5": "0" * 32}),
        *((("file", "hash", "sha256"), x) for x in ("0" * 63, "0" * 65, "G" * 64, "A" * 64)),
        (("file", "hash", "sha256"), "0" * 64 + "\n"),
        (("file", "sources"), []),
        (("file", "sources", 0, "kind"), "ftp"),
        (("file", "sources", 1, "revision"), "main"),
        (("file", "sources", 1, "revision"), "A" * 40),
        (("file", "sources", 1, "repository"), "name"),
        (("file", "sources", 1, "repository"), "../name"),
        (("file", "sources", 1, "repository"), "user/name/more"),
        *(
            (("file", "sources", 2, "url"), url)
            for url in (
                "http://host/x",
                "HTTPS://host/x",
                "file:///etc/passwd",
                "https://user:secret@host/x",
                "https://host/x#y",
                "https://ho st/x",
                "https:///x",
                "https://[host/x",
            )
        ),
        *((("file", "name"), name) for name in HOSTILE_NAMES),
    ],
)
def test_a_bad_value(path, value):
    message = _error(_changed(path, value))
    assert f"entry scmnet/{value if path == ('name',) else 'tiny'}" in message or path[0] in (
        "network",
    )
    top = next(key for key in reversed(path) if isinstance(key, str))
    assert top in message or path[0] in message


def test_a_hash_of_nothing_is_for_files_of_others_only():
    (entry,) = manifest.parse(_text({**GOOD, "file": {**FOREIGN, "hash": None}}))
    assert entry.file.hash is None
    assert "hash" in _error({**GOOD, "file": {**GOOD["file"], "hash": None}})
    shipped = {**FOREIGN, "hash": None, "sources": [{"kind": "wheel"}]}
    assert "expected a hash" in _error({**GOOD, "file": shipped})
    unlimited = {key: value for key, value in FOREIGN.items() if key != "maximum_size"}
    assert "'maximum_size' is missing" in _error({**GOOD, "file": unlimited})


def test_an_entry_that_is_no_object():
    assert "entry 1" in _error(GOOD, [])


def test_the_same_name_twice():
    assert "scmnet/tiny is there twice" in _error(GOOD, GOOD)
    assert len(manifest.parse(_text(GOOD, {**GOOD, "network": "contextnet"}))) == 2


def test_a_key_twice():
    text = _text(GOOD).replace('"size": 100', '"size": 100, "size": 200')
    with pytest.raises(ValueError, match=r"manifest: .*the key 'size' is there twice"):
        manifest.parse(text)


def test_another_version():
    assert "expected 2. Received: 1" in _error(GOOD, version=1)
    assert "field 'version'" in _error(GOOD, version=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"version": 2}',
        '{"entries": []}',
        "[" * 100_000,
        '{"version": 2, "entries": NaN}',
        '{"version": 2, "entries": [], "x": 1}',
    ],
)
def test_no_manifest(text):
    with pytest.raises(ValueError, match=r"^manifest: "):
        manifest.parse(text)


# Names


def test_an_unknown_name_lists_the_known():
    with pytest.raises(
        ValueError, match=r"scmnet \('cityscapes', 'camvid'\).*Received: weights='cityscape'"
    ):
        manifest.find("scmnet", "cityscape")
    with pytest.raises(ValueError, match="none yet"):
        manifest.find("enet", "coco")
    with pytest.raises(ValueError, match=r"one of .*scmnet/camvid.*Received: camvid"):
        manifest.find_key("camvid")


def test_unpublished_weights_say_how_to_make_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="No weights 'bdd100k' of scmnet") as caught:
        find_checkpoint("scmnet", "bdd100k")
    message = str(caught.value)
    command = "`scmnet-zoo train --network scmnet --dataset bdd100k --data "
    assert command in message
    assert "weights='runs/scmnet_bdd100k/last.safetensors'" in message
    assert f"{tmp_path}/own/scmnet_bdd100k.safetensors" in message
    assert "take weights='cityscapes', the same 19 classes" in message
    assert "\n" not in message


def test_own_weights_go_by_the_name_of_an_unpublished_entry(tmp_path, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path))
    entry = manifest.find("scmnet", "bdd100k")
    assert state_of(entry) is State.UNPUBLISHED
    own = own_path("scmnet", "bdd100k")
    own.parent.mkdir()
    shutil.copy(packaged_path(manifest.find("scmnet", "camvid").file), own)
    assert state_of(entry) is State.OWN
    assert find_checkpoint("scmnet", "bdd100k").source == str(own)


def test_results_are_stated_of_the_very_file_that_was_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path))
    shipped = manifest.find("scmnet", "camvid")
    assert stated_path(shipped) == packaged_path(shipped.file)
    entry = manifest.find("scmnet", "bdd100k")
    assert stated_path(entry) is None
    own = own_path("scmnet", "bdd100k")
    own.parent.mkdir()
    shutil.copy(packaged_path(shipped.file), own)
    assert stated_path(entry) is None
    made = Made(shipped.file.size, shipped.file.hash.value)
    assert stated_path(dataclasses.replace(entry, made=made)) == own
    other = dataclasses.replace(made, sha256="0" * 64)
    assert stated_path(dataclasses.replace(entry, made=other)) is None
    shorter = dataclasses.replace(made, size=1)
    assert stated_path(dataclasses.replace(entry, made=shorter)) is None


def test_every_unpublished_command_is_one_that_train_takes():
    for entry in ENTRIES:
        if entry.file is not None:
            continue
        words = shlex.split(entry.training_command.removeprefix("KERAS_BACKEND=jax "))
        options = dict(zip(words[2::2], words[3::2], strict=True))
        assert words[:2] == ["scmnet-zoo", "train"]
        assert options["--output"] == f"runs/{entry.network}_{entry.name}"
        recipe = shipped_recipe(options["--network"], options["--dataset"])
        sets = [b for a, b in itertools.pairwise(words) if a == "--set"]
        recipe = with_overrides(recipe, sets)
        defaults = NETWORK_CARDS[entry.network].arguments
        arguments = {**defaults, **recipe.arguments}
        arguments.pop("backbone_weights", None)
        assert arguments == {**defaults, **entry.arguments}, entry.key
        assert recipe.size == entry.training_size
        assert (entry.network, entry.dataset) == (options["--network"], options["--dataset"])


# The user's manifest


def test_the_users_entries_go_over_the_shipped_ones(tmp_path, monkeypatch):
    file = {**GOOD["file"], "sources": GOOD["file"]["sources"][1:]}
    path = tmp_path / "mine.json"
    path.write_text(_text({**GOOD, "file": file}, {**GOOD, "name": "camvid", "file": file}))
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(path))
    assert manifest.find("scmnet", "tiny").parameters == 10
    assert manifest.find("scmnet", "camvid").parameters == 10
    assert len(manifest.entries()) == len(ENTRIES) + 1
    monkeypatch.delenv("SCMNET_ZOO_MANIFEST")
    assert manifest.entries() == ENTRIES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not a manifest"),
        (_text(GOOD), "only the shipped manifest has files in the wheel"),
        (b"\xff\xfe", "is not a manifest"),
    ],
)
def test_a_wrong_manifest_of_the_users(tmp_path, monkeypatch, content, message):
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(path))
    with pytest.raises(ValueError, match=f"SCMNET_ZOO_MANIFEST={path}: .*{message}"):
        manifest.entries()


def test_a_manifest_in_the_folder_of_nobody(monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", "~nobody-of-this-name/m.json")
    with pytest.raises(ValueError, match=r"SCMNET_ZOO_MANIFEST=~nobody.*: cannot be read: "):
        manifest.entries()


@pytest.mark.parametrize(
    "place", ["http://host/m.json#sha256=" + "0" * 64, "https://host/m.json", "ftp://host/m.json"]
)
def test_a_url_of_the_users_needs_https_and_a_hash(monkeypatch, place):
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", place)
    with pytest.raises(ValueError, match="Expected SCMNET_ZOO_MANIFEST to be a path, or a URL"):
        manifest.entries()


# The shipped files


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    file = manifest.find("scmnet", "camvid").file
    content = bytearray(packaged_path(file).read_bytes())
    content[-1] ^= 1
    changed = tmp_path / file.name
    monkeypatch.setattr(download, "packaged_path", lambda _: changed)
    with pytest.raises(download.DownloadError, match=r"No such file.*reinstall scmnet-zoo"):
        download.fetch(file)
    changed.write_bytes(content)
    with pytest.raises(download.DownloadError, match=f"expected sha256 {file.hash.value}"):
        download.fetch(file)
    changed.write_bytes(content[:-1])
    with pytest.raises(download.DownloadError, match=f"expected {file.size} bytes"):
        download.fetch(file)


def test_a_name_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    """Who calls the folder of the dataset `camvid` still gets the weights of that name."""
    (tmp_path / "camvid").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("scmnet", "camvid").source == "scmnet_camvid.safetensors"
    with pytest.raises(ValueError, match="the folder of a run with best"):
        find_checkpoint("scmnet", "other")
    with pytest.raises(ValueError, match="the folder of a run with best"):
        find_checkpoint("scmnet", f".{os.sep}camvid")


def test_every_shipped_file_has_its_entry():
    folder = Path(str(resources.files("scmnet_zoo.weights"))) / "files"
    assert {path.name for path in folder.iterdir()} == {entry.file.name for entry in SHIPPED}
    assert sum(path.stat().st_size for path in folder.iterdir()) < MAXIMUM_BYTES
    assert manifest.parse(TEXT) == ENTRIES
    assert [as_json(entry) for entry in ENTRIES] == json.loads(TEXT)["entries"]


def test_entries_are_of_datasets_that_there_are():
    keys = {entry.key for entry in ENTRIES}
    assert {"scmnet/camvid", "xception/imagenet", "mobilenet_v2/imagenet"} <= keys
    assert {entry.dataset for entry in ENTRIES} == {*LABEL_SPACES, "imagenet"}


@pytest.fixture(params=SHIPPED, ids=lambda entry: entry.key)
def entry(request):
    return request.param


def test_file(entry):
    content = packaged_path(entry.file).read_bytes()
    assert len(content) == entry.file.size
    assert hashlib.sha256(content).hexdigest() == entry.file.hash.value


def test_metadata(entry):
    metadata = read_checkpoint(packaged_path(entry.file), entry.network).metadata
    colours = {"palette": metadata.palette, "categories": metadata.categories}
    assert metadata == dataclasses.replace(entry_metadata(entry), **colours)
    assert metadata.network == entry.network
    assert metadata.arguments == entry.arguments
    assert metadata.classes == entry.classes
    assert list(metadata.normalisation.mean) == entry.normalisation["mean"]
    assert list(metadata.normalisation.std) == entry.normalisation["std"]
    assert metadata.training_size == entry.training_size


def test_results(entry):
    assert entry.results
    for result in entry.results:
        if result.iou is not None:  # of other classes than the dataset's there is none
            assert result.miou == pytest.approx(np.mean(list(result.iou.values())), abs=0.01)
        assert f"--protocol {result.protocol}" in result.command
        assert f"--weights {entry.name}" in result.command


def test_tensors_and_model(entry):
    factory = NETWORKS[entry.network]
    model = factory(weights=entry.name)
    assert model.count_params() == entry.parameters
    tensors = read_checkpoint(packaged_path(entry.file), entry.network).tensors
    loaded = arrays(model)
    assert tensors.keys() == loaded.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32, name
        assert np.isfinite(tensor).all(), name
        np.testing.assert_array_equal(tensor, loaded[name], err_msg=name)
    fresh = arrays(factory(num_classes=len(entry.classes), **entry.arguments))
    assert {name: t.shape for name, t in tensors.items()} == {n: t.shape for n, t in fresh.items()}


def test_stored_output(entry):
    """Of every entry whose file is here: the probabilities at a few pixels of a drawn image."""
    stored = json.loads(Path(__file__).with_name("stored_outputs.json").read_text())
    found = run(NETWORKS[entry.network](weights=entry.name), images(64, 96))[0, 7::16, 11::24]
    np.testing.assert_allclose(found.reshape(-1, len(entry.classes)), stored[entry.key], atol=2e-4)


# Shares of the example photograph, measured on TensorFlow 2.21.
STREET = {
    "scmnet/camvid": {"sky": 0.368, "road": 0.285, "tree": 0.222, "car": 0.031},
    "fastscnn/camvid": {"sky": 0.364, "road": 0.309, "tree": 0.221, "car": 0.034},
    "contextnet/camvid": {"sky": 0.368, "road": 0.275, "tree": 0.221, "car": 0.046},
    "deeplabv3plus/camvid_mobilenet_v2": {"sky": 0.364, "road": 0.294, "tree": 0.231, "car": 0.034},
    "scmnet/cityscapes": {"sky": 0.369, "road": 0.314, "vegetation": 0.213, "car": 0.046},
    "fastscnn/cityscapes": {"sky": 0.373, "road": 0.320, "vegetation": 0.215, "car": 0.044},
    "deeplabv3plus/cityscapes_mobilenet_v2": {
        "sky": 0.369,
        "road": 0.316,
        "vegetation": 0.216,
        "car": 0.051,
    },
}


def test_answer_on_the_example(entry):
    """What the shipped weights see on a photograph that is not the dataset's."""
    from scmnet_zoo import segment

    photo = Path(str(resources.files("scmnet_zoo"))) / "example" / "street.jpg"
    shares = segment(photo, entry.network, entry.name).shares
    for name, share in STREET[entry.key].items():
        assert shares[name] == pytest.approx(share, abs=0.003), name
    assert sum(shares.values()) == pytest.approx(1)


def test_the_readmes_numbers_are_those_of_the_shipped_weights():
    page = Path(__file__).resolve().parents[2] / "README.md"
    if not page.is_file():
        pytest.skip("needs a checkout")
    from scmnet_zoo import segment

    (stated,) = re.findall(r"print\(result\.shares\)  # \{(.*), \.\.\.\}", page.read_text())
    shares = segment(Path(str(resources.files("scmnet_zoo"))) / "example" / "street.jpg").shares
    pairs = re.findall(r"'(\w+)': ([\d.]+)\.\.\.", stated)
    assert [name for name, _ in pairs] == list(shares)[: len(pairs)]
    for name, share in pairs:
        assert shares[name] == pytest.approx(float(share), abs=0.003)


def test_the_documentations_table_has_every_entry_with_its_state():
    page = Path(__file__).resolve().parents[2] / "docs" / "weights.md"
    if not page.is_file():
        pytest.skip("needs the documentation of a checkout")
    rows = re.findall(r"^\| `(\w+/\w+)` \| (\w+) \|", page.read_text(encoding="utf-8"), re.M)
    states = {entry.key: "unpublished" for entry in ENTRIES if entry.file is None}
    states |= {entry.key: "downloadable" for entry in ENTRIES if entry.file is not None}
    states |= {entry.key: "shipped" for entry in SHIPPED}
    assert dict(rows) == states
    assert len(rows) == len(ENTRIES)
