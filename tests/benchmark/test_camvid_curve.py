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
        assert losses[-1] < (1.0 if name.endswith("_whole") else 0.7) * losses[0]


def test_the_runs_go_from_one_to_the_next(script):
    networks = {"scmnet", "fastscnn", "contextnet", "mobilenet_v2"}
    stages = {f"{one}_{stage}" for one in networks for stage in ("hints", "whole")}
    starts = {name: run.start for name, run in script.SHIPPED.items() if run.start}
    assert starts.keys() == stages
    for name, before in starts.items():
        network, _, stage = name.rpartition("_")
        assert before == f"{network}_{'drawn' if stage == 'hints' else 'hints'}"
        run, other = script.SHIPPED[name], script.SHIPPED[before]
        assert run.network == other.network
        assert find_recipe(run.recipe).arguments == find_recipe(other.recipe).arguments


@pytest.mark.parametrize("name", ["scmnet_hints", "scmnet_whole"])
def test_what_a_run_of_scmnet_started_from_is_there(script, name):
    weights = script.start_of(script.SHIPPED[name], None)
    stated = read_checkpoint(weights, "scmnet").metadata
    assert stated.training_size == find_recipe(script.SHIPPED[name].recipe).size


def test_what_a_run_started_from_is_asked_for(script, tmp_path):
    run = script.SHIPPED["fastscnn_hints"]
    with pytest.raises(ValueError, match=r"--start with the weights that fastscnn_drawn left"):
        script.start_of(run, None)
    given = tmp_path / "last.safetensors"
    assert script.start_of(run, given) == given
    assert script.start_of(script.SHIPPED["scmnet_hints"], given) == given
    assert script.start_of(script.SHIPPED["fastscnn_drawn"], None) is None
    with pytest.raises(ValueError, match=r"no --start.*Received: .*last"):
        script.start_of(script.SHIPPED["fastscnn_drawn"], given)


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
