"""Metrics as Cityscapes counts them."""

from scmnet_zoo.metrics.confusion import ConfusionMatrix

__all__ = ["ConfusionMatrix"]
