"""`benchmarks/camvid_curve.py`, which is not in the package, on a small network."""

import dataclasses

import pytest
import scenes
from scripts import load_script
from testing_tools import toy

from scmnet_zoo.data import camvid
from scmnet_zoo.data.loader import source_of
from scmnet_zoo.training import find_recipe, fit, start, training_network, with_size
from scmnet_zoo.weights import read_checkpoint


@pytest.fixture
def script():
    return load_script("camvid_curve")


def test_every_shipped_run_has_its_losses(script):
    for name, run in script.SHIPPED.items():
        losses = script.logged(name)
        assert len(losses) == find_recipe(run.recipe).epochs
        assert losses[-1] < 0.7 * losses[0]


def test_what_a_run_started_from_is_there(script):
    starts = {name: run.weights for name, run in script.SHIPPED.items() if run.start}
    assert set(starts) == {"scmnet_hints", "scmnet_whole"}
    for name, weights in starts.items():
        stated = read_checkpoint(weights, "scmnet").metadata
        assert stated.training_size == find_recipe(script.SHIPPED[name].recipe).size


def test_the_beginning_is_that_of_the_whole_run(script, tmp_path, monkeypatch):
    monkeypatch.setattr(start, "factory_of", lambda network: toy)
    recipe = dataclasses.replace(
        with_size(find_recipe("fastscnn_camvid"), (72, 96)), batch_size=2, epochs=3
    )
    loss = dataclasses.replace(recipe.loss, auxiliary=0.0)  # the toy has no such heads
    recipe = dataclasses.replace(recipe, precision="float32", loss=loss)
    folder = scenes.draw(tmp_path / "camvid", {"train": 4})
    source = source_of(camvid(folder, "train"), recipe.size)
    begun = script.beginning("toy", recipe, source, 2)
    script.keras.utils.set_random_seed(0)
    model = training_network("toy", recipe, source.dataset.space.classes)
    whole = [row["loss"] for row in fit(model, source, recipe, 0)]
    assert begun == pytest.approx(whole[:2], rel=1e-5)
    assert whole[2] not in begun
