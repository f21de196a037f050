"""The shipped recipes: one TOML file per dataset, with what differs by network and by stage.

`DATASET.toml` is the recipe of every network on that dataset. A table `[for.NETWORK]` or
`[for.NETWORK_VARIANT]` replaces values for one network; a table `[stage.STAGE]` replaces values for
one stage of a training in several runs. Names: NETWORK_DATASET or NETWORK_DATASET_VARIANT, and for
a stage NAME_STAGE. `features.toml` lists the layers for feature distillation by network. A recipe
that shares nothing with its dataset's base has a file of its own, named after the whole recipe.
"""

import functools
import os
from pathlib import Path
from typing import Any

from scmnet_zoo.catalogue import NETWORK_CARDS
from scmnet_zoo.training.recipe import Recipe, read_recipe, read_toml, recipe_from

FOLDER = Path(__file__).parent
FEATURES = "features"


def shipped_recipe(network: str, dataset: str) -> Recipe:
    """The package's recipe for a network on a dataset.

    Raises:
        ValueError: there is none; the message lists the names of all recipes.
    """
    return find_recipe(f"{network}_{dataset}")


def find_recipe(name: str | os.PathLike[str]) -> Recipe:
    """A recipe by the name of a shipped one, or by the path of a TOML file.

    Raises:
        ValueError: there is none, or the file is not a recipe; the message says what is expected.
    """
    text = os.fspath(name)
    if text.endswith(".toml") or os.sep in text:
        return read_recipe(text)
    known = _known()
    if text not in known:
        raise ValueError(
            "Expected the path of a .toml file or the name of a recipe "
            f"({', '.join(sorted(known))}). Received: {text}"
        )
    return recipe_from(known[text], f"the recipe {text}")


def recipe_names() -> list[str]:
    """Names of the shipped recipes, sorted."""
    return sorted(_known())


@functools.cache
def _files() -> dict[str, dict[str, Any]]:
    """The tables of each file by the file's name."""
    return {file.stem: read_toml(file) for file in FOLDER.glob("*.toml")}


def _known() -> dict[str, dict[str, Any]]:
    """The tables of every shipped recipe by its name."""
    files = dict(_files())
    features = files.pop(FEATURES)
    found = {}
    for stem, content in files.items():
        if "_" in stem:
            found[stem] = content
        else:
            found |= _of_dataset(stem, content, features)
    return found


def _of_dataset(dataset: str, base: dict, features: dict[str, dict]) -> dict[str, dict[str, Any]]:
    """The recipes of a dataset by their names: of each network and variant, and of their stages.

    Stages are for networks that have layers for feature distillation.
    """
    base = dict(base)
    changes, stages = base.pop("for", {}), base.pop("stage", {})
    found = {}
    for key in {**dict.fromkeys(NETWORK_CARDS), **changes}:
        network, _, variant = key.partition("_")
        name = "_".join(filter(None, (network, dataset, variant)))
        recipe = _merged(base, changes.get(key, {}))
        backbone = recipe.get("network", {}).get("backbone")
        layers = features.get("_".join(filter(None, (network, backbone))))
        found[name] = _with_features(recipe, layers)
        for stage, change in stages.items() if layers else ():
            found[f"{name}_{stage}"] = _with_features(_merged(recipe, change), layers)
    return found


def _with_features(recipe: dict, layers: dict[str, str] | None) -> dict[str, Any]:
    """The recipe, with the network's layers in the place of `features = true`."""
    recipe = dict(recipe)
    return {**recipe, "features": layers} if recipe.pop("features", False) and layers else recipe


def _merged(tables: dict, changes: dict) -> dict[str, Any]:
    """Tables with the values of others in them, table by table."""
    merged = dict(tables)
    for key, value in changes.items():
        merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged
