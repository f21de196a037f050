"""`scmnet-zoo --help`, `--version`, `models` and `weights`: quick, and true."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import scmnet_zoo
from scmnet_zoo import cli
from scmnet_zoo.cli.models import NETWORKS
from scmnet_zoo.weights import manifest

runner = CliRunner()

# Ends the interpreter in failure where a command has imported Keras.
WITHOUT_KERAS = """
import atexit, os, sys
from scmnet_zoo import cli
atexit.register(lambda: os._exit(77) if "keras" in sys.modules else None)
cli.main()
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["models"], ["weights"]])
def test_without_keras(arguments):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == ""


def test_version():
    assert runner.invoke(cli.app, ["--version"]).stdout == f"scmnet-zoo {scmnet_zoo.__version__}\n"


def test_an_unknown_command():
    result = runner.invoke(cli.app, ["sgement"])
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_models_lists_every_network():
    assert [network.key for network in NETWORKS] == list(scmnet_zoo.NETWORKS)
    result = runner.invoke(cli.app, ["models"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    for network in NETWORKS:
        assert network.key in result.stdout
        assert f"{network.parameters:,}" in result.stdout


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.key)
def test_the_stored_numbers_of_parameters_are_those_of_the_networks(network):
    assert scmnet_zoo.NETWORKS[network.key]().count_params() == network.parameters


ENTRY = {
    "name": "toy",
    "network": "fastscnn",
    "arguments": {},
    "dataset": "camvid",
    "classes": ["road", "sky"],
    "palette": [[1, 2, 3], [4, 5, 6]],
    "normalisation": {"mean": [0.0] * 3, "std": [1.0] * 3},
    "training_size": [720, 960],
    "parameters": 123,
    "file": "toy.safetensors",
    "size": 5_123_456,
    "sha256": "0" * 64,
    "licence": "Apache-2.0",
    "data_licence": "research",
    "training_command": "scmnet-zoo train",
    "results": [
        {
            "dataset": "camvid",
            "split": "test",
            "protocol": "11 classes",
            "miou": 71.234,
            "iou": {"road": 90.0, "sky": 52.468},
            "command": "scmnet-zoo evaluate",
        }
    ],
}


def test_weights_and_models_list_the_manifest(monkeypatch):
    entries = manifest.parse(json.dumps({"version": 1, "entries": [ENTRY]}))
    monkeypatch.setattr(manifest, "entries", lambda: entries)
    result = runner.invoke(cli.app, ["weights"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    for text in ("fastscnn", "toy", "2, camvid", "720x960", "5.1 MB", "Apache-2.0"):
        assert text in result.stdout
    assert "71.23 camvid test, 11 classes" in result.stdout
    row = next(
        line
        for line in runner.invoke(cli.app, ["models"], env={"COLUMNS": "160"}).stdout.splitlines()
        if "fastscnn" in line
    )
    assert "toy" in row


def test_no_weights_yet(monkeypatch):
    monkeypatch.setattr(manifest, "entries", lambda: ())
    result = runner.invoke(cli.app, ["weights"])
    assert result.stdout == "The manifest lists no weights yet.\n"
