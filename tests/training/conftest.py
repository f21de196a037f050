"""Fixtures of the tests of training: drawn scenes, and a toy in place of the networks."""

import pytest
import scenes
from testing_tools import toy
from training_tools import RECIPE, RUN, trained, without_pictures

from scmnet_zoo import loading
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


def _use_toys(monkeypatch):
    for module in (loading, start, trainer):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)


@pytest.fixture
def toys(monkeypatch):
    """The toy stands for every network."""
    _use_toys(monkeypatch)


@pytest.fixture
def undrawn(monkeypatch):
    """Runs draw no pictures."""
    without_pictures(monkeypatch.setattr)


@pytest.fixture(scope="session")
def finished(folder, tmp_path_factory):
    """The folder of an undisturbed run; not to be changed."""
    output = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        _use_toys(monkeypatch)
        trained(folder, output, RUN)
    return output
