"""Fixtures of the tests of training: drawn scenes, and a toy in place of the networks."""

import pytest
import scenes
from testing_tools import toy
from training_tools import RECIPE

from scmnet_zoo.data import camvid
from scmnet_zoo.data.loader import source_of
from scmnet_zoo.training import start, trainer


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A dataset, not to be changed."""
    return scenes.draw(tmp_path_factory.mktemp("training") / "camvid")


@pytest.fixture(scope="session")
def train_frames(folder):
    return source_of(camvid(folder, "train"), RECIPE.size)


@pytest.fixture(scope="session")
def val_frames(folder):
    return source_of(camvid(folder, "val"), RECIPE.size)


@pytest.fixture
def toys(monkeypatch):
    """The toy stands for every network."""
    for module in (start, trainer):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)
