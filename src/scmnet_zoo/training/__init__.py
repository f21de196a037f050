"""Training: recipes, the loop, the folder of a run."""

from scmnet_zoo.training.loop import fit
from scmnet_zoo.training.recipe import (
    LossSettings,
    OptimiserSettings,
    Recipe,
    read_recipe,
    with_overrides,
    with_size,
)
from scmnet_zoo.training.recipes import find_recipe, shipped_recipe
from scmnet_zoo.training.start import final_network, freeze, training_network
from scmnet_zoo.training.trainer import train

__all__ = [
    "LossSettings",
    "OptimiserSettings",
    "Recipe",
    "final_network",
    "find_recipe",
    "fit",
    "freeze",
    "read_recipe",
    "shipped_recipe",
    "train",
    "training_network",
    "with_overrides",
    "with_size",
]
