"""`scmnet-zoo weights`: lists, files on this machine, imports."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
from testing_tools import arrays
from typer.testing import CliRunner

from scmnet_zoo import FastSCNN, cli
from scmnet_zoo.cli.weights.importing import _class_names
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.entry import Wheel, as_json
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import packaged_path
from scmnet_zoo.weights.places import own_path

SHIPPED = "scmnet/camvid"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCMNET_ZOO_OFFLINE", "1")
    return tmp_path / "home"


def weights(*arguments):
    return CliRunner().invoke(cli.app, ["weights", *map(str, arguments)], env={"COLUMNS": "120"})


def done(*arguments):
    result = weights(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments):
    """The one line on stderr of a command that fails."""
    result = weights(*arguments)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def users(tmp_path, monkeypatch):
    """An entry of the user's for the shipped file, which then has to come from the cache."""
    raw = as_json(manifest.find_key(SHIPPED)) | {"name": "mine"}
    raw["file"]["sources"] = [{"kind": "https", "url": "https://example.invalid/x"}]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"version": 2, "entries": [raw]}))
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(path))
    return manifest.find_key("scmnet/mine")


@pytest.fixture
def cached(users, home):
    """The path in the cache of the user's entry."""
    home.mkdir()
    path = cache.cached_path(users.file)
    shutil.copy(packaged_path(users.file), path)
    return path


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_the_list_has_every_entry_with_its_state(arguments):
    lines = {line.split()[0]: line for line in done(*arguments).splitlines() if "/" in line}
    for entry in manifest.entries():
        assert entry.key in lines
        state = "unpublished" if entry.file is None else "downloadable"
        shipped = entry.file is not None and Wheel() in entry.file.sources
        assert ("shipped" if shipped else state) in lines[entry.key]


def test_show_tells_what_the_manifest_knows():
    text = done("show", SHIPPED)
    entry = manifest.find_key(SHIPPED)
    assert entry.file.hash.value in text.replace("\n", "")
    for part in ("shipped", "residual=True", "1,255,295", "Apache-2.0", "72.24", "67.48"):
        assert part in text
    for key in ("fastscnn/cityscapes_osmr", "scmnet/cityscapes", "xception/imagenet"):
        assert key in done("show", key)
    assert "as its author states" in done("show", "fastscnn/cityscapes_osmr")


def test_show_tells_what_was_made_and_not_published():
    key = "deeplabv3plus/camvid_xception"
    result = CliRunner().invoke(cli.app, ["weights", "show", key], env={"COLUMNS": "70"})
    cells = "".join(re.findall(r"│ [^│]* │ ([^│]*) │", result.stdout)).replace(" ", "")
    assert manifest.find_key(key).made.sha256 in cells  # whole, however narrow
    assert "60.30" in result.stdout


def test_an_unknown_key_is_a_line():
    for command in ("show", "download", "verify", "remove", "path"):
        assert "Expected NETWORK/NAME, one of " in refused(command, "camvid")


def test_path_prints_where_the_file_is(cached):
    assert done("path", SHIPPED).strip() == str(packaged_path(manifest.find_key(SHIPPED).file))
    assert done("path", "scmnet/mine").strip() == str(cached)
    assert "is not on this machine: unpublished" in refused("path", "scmnet/bdd100k")
    assert "`scmnet-zoo weights download xception/imagenet`" in refused("path", "xception/imagenet")


def test_download_checks_what_is_here(cached):
    assert done("download", SHIPPED, "scmnet/mine").splitlines()[1] == f"scmnet/mine: {cached}"
    assert "SCMNET_ZOO_OFFLINE is set" in refused("download", "xception/imagenet")
    assert "No weights 'bdd100k' of scmnet" in refused("download", "scmnet/bdd100k")


def test_verify_finds_what_is_damaged(cached):
    whole = done("verify").splitlines()
    assert {f"{SHIPPED}: whole", "scmnet/mine: whole"} <= set(whole)
    assert all(line.endswith(": whole") for line in whole)
    content = bytearray(cached.read_bytes())
    content[-1] ^= 1
    cached.write_bytes(content)
    result = weights("verify")
    assert result.exit_code == 1
    assert f"scmnet/mine: {cached}: expected sha256 " in result.stdout
    assert result.stderr.splitlines() == ["scmnet-zoo: error: damaged: scmnet/mine"]
    assert "xception/imagenet is not on this machine" in refused("verify", "xception/imagenet")


def test_remove_deletes_from_the_cache_only(cached):
    assert str(cached) in done("remove", "scmnet/mine")
    assert not cached.exists()
    assert "not in the cache" in done("remove", "scmnet/mine", SHIPPED)
    assert "whole" in done("verify", SHIPPED)


# Import


def test_an_import_that_fails_is_a_line_and_writes_nothing(tmp_path):
    (tmp_path / "text.npz").write_text("no weights")
    output = tmp_path / "new"
    for arguments, message in (
        ([tmp_path / "none.npz", "--as", "x"], "none.npz"),
        ([tmp_path / "text.npz", "--as", "x"], "text.npz"),
        ([tmp_path / "text.npz", "--as", "x", "--classes", "coco"], "Expected --classes to be one"),
    ):
        assert message in refused("import", *arguments, "--output", output)
    assert not output.exists()
    result = weights("import", tmp_path / "text.npz", "--as", "../x")
    assert result.exit_code == 2
    assert "expected a name without folders" in result.stderr


@pytest.mark.parametrize("name", ["x.safetensors", "a\nb", "", ".x"])
def test_an_odd_name_for_an_import(tmp_path, name):
    result = weights("import", tmp_path / "none.npz", "--as", name)
    assert result.exit_code == 2
    assert "expected a name without" in result.stderr


def test_an_import_replaces_nothing(tmp_path):
    (tmp_path / "x.safetensors").write_text("precious")
    message = refused("import", tmp_path / "none.npz", "--as", "x", "--output", tmp_path)
    assert f"Expected a new file. Received: {tmp_path / 'x.safetensors'}" in message
    assert (tmp_path / "x.safetensors").read_text() == "precious"


def test_the_names_of_an_import_may_begin_with_a_mark(tmp_path):
    """Notepad writes one."""
    (tmp_path / "names.txt").write_text("road\nsky\n", encoding="utf-8-sig")
    assert _class_names(str(tmp_path / "names.txt")) == ("road", "sky")


@pytest.fixture
def own(home):
    """The path of the user's own file for an entry without a published one."""
    path = own_path("scmnet", "bdd100k")
    path.parent.mkdir(parents=True)
    return path


def test_an_own_file_is_read_not_called_whole(own):
    shutil.copy(packaged_path(manifest.find_key(SHIPPED).file), own)
    key = "scmnet/bdd100k"
    assert done("verify", key).strip() == f"{key}: your own file, readable"
    assert done("download", key).strip() == f"{key}: {own}"  # it is here
    own.write_text("garbage")
    result = weights("verify", key)
    assert result.exit_code == 1
    assert "is not a whole safetensors file" in result.stdout
    assert "damaged: scmnet/bdd100k" in result.stderr


@pytest.mark.needs_shared
def test_an_imported_file_is_one_that_weights_takes(shared, tmp_path):
    source = shared / "golden" / "fastscnn_chainer_seed0.npz"
    text = done("import", source, "--as", "mine", "--output", tmp_path / "new")
    path = tmp_path / "new" / "mine.safetensors"
    assert text.strip() == f"{path}: fastscnn for 19 classes"
    loaded = arrays(FastSCNN(weights=path))
    stored = safetensors.numpy.load_file(path)
    for name, array in loaded.items():
        np.testing.assert_array_equal(array, stored[name])
    names = tmp_path / "names.txt"
    names.write_text("road\nsky\n")
    message = refused("import", source, "--as", "x", "--classes", names, "--output", tmp_path)
    assert "19" in message
    assert "2" in message


# The average


def test_average_writes_one_file_of_several(tmp_path):
    shipped = packaged_path(manifest.find_key(SHIPPED).file)
    new = tmp_path / "mean.safetensors"
    stated = done("average", shipped, shipped, "--half", "--output", new)
    assert f"{new}: scmnet for 11 classes" in stated.replace("\n", "")
    assert new.read_bytes() == shipped.read_bytes()
    assert "a new file" in refused("average", shipped, shipped, "--output", new)
    assert new.read_bytes() == shipped.read_bytes()
    other = packaged_path(manifest.find_key("fastscnn/camvid").file)
    elsewhere = tmp_path / "other.safetensors"
    assert "same network" in refused("average", shipped, other, "--output", elsewhere)
    assert not elsewhere.exists()


# Without a network


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["path", SHIPPED], 0, ""),
        (["verify"], 0, ""),
        (["download", "fastscnn/cityscapes_osmr"], 1, "cannot be had"),
        (["download", "scmnet/bdd100k"], 1, "No weights 'bdd100k' of scmnet"),
    ],
)
def test_offline_commands_answer_at_once(arguments, status, message):
    since = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", "from scmnet_zoo.cli import main; main()", "weights", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )
    seconds = time.perf_counter() - since
    assert answer.returncode == status, answer.stderr
    assert message in answer.stderr
    assert answer.stderr.count("\n") == (1 if status else 0)
    assert seconds < 40  # of imports; without them under one, see test_download_connections
