"""`scmnet-zoo --help`, `--version`, `models` and `weights`: quick, and true."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import scmnet_zoo
from scmnet_zoo import cli
from scmnet_zoo.catalogue import NETWORK_CARDS
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
    result = runner.invoke(cli.app, ["models"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    for card in NETWORK_CARDS.values():
        assert card.key in result.stdout
        assert f"{card.parameters:,}" in result.stdout


@pytest.mark.parametrize("network", NETWORK_CARDS.values(), ids=list(NETWORK_CARDS))
def test_models_lists_the_names_of_the_manifest(network):
    lines = runner.invoke(cli.app, ["models"], env={"COLUMNS": "80"}).stdout.splitlines()
    first = next(at for at, line in enumerate(lines) if network.key in line.split())
    column = [line.split("│")[5].strip() for line in lines[first:] if "│" in line]
    names = manifest.names(network.key) or ["none yet"]
    assert column[: len(names)] == names  # whole, at the width of a pipe
