"""Training: recipes and the loop that follows them."""

from scmnet_zoo.training.recipe import Recipe, read_recipe, shipped_recipe
from scmnet_zoo.training.trainer import TrainingModel, fit, train

__all__ = ["Recipe", "TrainingModel", "fit", "read_recipe", "shipped_recipe", "train"]
