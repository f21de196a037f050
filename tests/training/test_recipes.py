"""The shipped recipes: a base a dataset, what differs by network, stages."""

import dataclasses
import json
from pathlib import Path

import pytest

from scmnet_zoo import NETWORKS
from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.training import find_recipe, read_recipe, recipes, shipped_recipe
from scmnet_zoo.training.recipe import recipe_from
from scmnet_zoo.training.start import check_arguments

# Every recipe as it was when each had a file: runs of those days go on by these names.
STORED = json.loads(
    Path(__file__).with_name("recipes_before_bases.json").read_text(encoding="utf-8")
)
LEAST = "size = [64, 96]\nbatch_size = 2\nepochs = 4\n[augmentation]\ncrop = [32, 64]\n"


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_name_resolves_to_the_recipe_it_always_did(name):
    assert find_recipe(name) == recipe_from(STORED[name], name)


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_shipped_recipes(name):
    recipe = find_recipe(name)
    network, dataset = name.split("_")[:2]
    assert network in NETWORKS
    check_arguments(network, recipe)
    if name == f"{network}_{dataset}":
        assert shipped_recipe(network, dataset) == recipe
    for crop, side in zip(recipe.augmentation.crop, recipe.size, strict=True):
        assert crop % 8 == 0
        assert crop <= side * recipe.augmentation.scale[1]


def test_every_network_has_a_recipe_for_every_dataset():
    for dataset in ("bdd100k", "camvid", "cityscapes", "folder", "frames"):
        for network in NETWORKS:
            assert f"{network}_{dataset}" in recipes.recipe_names()


def test_a_network_without_a_table_gets_the_base():
    base = recipes.read_toml(recipes.FOLDER / "camvid.toml")
    del base["for"], base["stage"]
    with NETWORK_CARDS.temporarily(dataclasses.replace(NETWORK_CARDS["scmnet"], key="toy")):
        assert shipped_recipe("toy", "camvid") == recipe_from(base, "camvid.toml")
        assert "toy_camvid_hints" not in recipes.recipe_names()  # features.toml has no layers of it


@pytest.mark.parametrize("name", ["scmnet_kitti", "unet_camvid", "camvid", "features", "scmnet"])
def test_no_shipped_recipe(name):
    with pytest.raises(ValueError, match=rf"scmnet_camvid.*Received: {name}$"):
        find_recipe(name)


def test_recipes_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(LEAST)
    assert find_recipe(path) == find_recipe(str(path)) == read_recipe(path)
