"""Former name of `scmnet_zoo.training.feature_distillation`."""

from scmnet_zoo.training.feature_distillation import FeatureDistillation as Hints

__all__ = ["Hints"]
