"""A network from outside the package is listed, trained, exported and published like the others.

That it keeps the contract is in `test_contract.py`, to which `networks.py` gives it.
"""

import keras
import numpy as np
import pytest
import scenes
import tomli_w
import toynet
from typer.testing import CliRunner

import scmnet_zoo
from scmnet_zoo import cli
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.data.augment import Augmentation
from scmnet_zoo.deploy import load
from scmnet_zoo.training import LossSettings, OptimiserSettings, Recipe
from scmnet_zoo.training.recipe import tables_of
from scmnet_zoo.weights import read_checkpoint

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="what it shows is of no backend"
)
WIDTH = 4
RECIPE = Recipe(
    size=(36, 48),
    batch_size=2,
    epochs=2,  # of one step
    augmentation=Augmentation(crop=(32, 32)),
    optimiser=OptimiserSettings(learning_rate=0.01),
    loss=LossSettings(),
    arguments={"width": WIDTH},
)


@pytest.fixture(scope="module")
def card():
    with NETWORK_CARDS.temporarily(toynet.CARD) as card:
        yield card


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    counts = {"train": 2, "val": 1, "test": 1}
    return scenes.draw(tmp_path_factory.mktemp("data") / "camvid", counts, (360, 480))


@pytest.fixture(scope="module")
def run(card, data, tmp_path_factory):
    """The folder of a run of two steps."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "recipe.toml").write_text(tomli_w.dumps(tables_of(RECIPE)))
    options = ["--dataset", "camvid", "--data", data, "--recipe", folder / "recipe.toml"]
    _command("train", "--network", card.key, *options, "--output", folder / "run")
    return folder / "run"


def _command(*arguments):
    done = CliRunner().invoke(cli.app, [*map(str, arguments)], env={"COLUMNS": "160"})
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout


def test_it_is_listed(card):
    assert card.title in _command("models")
    assert scmnet_zoo.NETWORKS["toynet"] is scmnet_zoo.ToyNet is toynet.ToyNet
    model = toynet.ToyNet()
    assert model.count_params() == card.parameters


def test_it_is_trained(run):
    metadata = read_checkpoint(run / "best.safetensors", "toynet").metadata
    assert (metadata.network, metadata.arguments) == ("toynet", {"width": WIDTH})
    assert len((run / "metrics.csv").read_text().splitlines()) == 3


def test_it_is_exported(run, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "toynet.onnx"
    _command("export", "--weights", run, "--format", "onnx", "--output", path)
    exported = load(path)
    assert exported.metadata["network"] == "toynet"
    assert exported.run(np.zeros((1, *RECIPE.size, 3), "uint8")).shape == (1, *RECIPE.size, 11)


def test_it_is_published(run, data, tmp_path):
    output = tmp_path / "published"
    options = ["--repo", "someone/toynet", "--data", data, "--output", output, "--dry-run"]
    said = _command("weights", "publish", run, *options)
    assert "camvid test, protocol A: " in said
    text = (output / "README.md").read_text()
    assert "# ToyNet trained on camvid" in text
    assert "Nobody, Nowhere 2000, arXiv 0000.00000" in text
    model = scmnet_zoo.ToyNet(weights=output / "toynet_camvid.safetensors")
    assert model.output_shape[-1] == 11
