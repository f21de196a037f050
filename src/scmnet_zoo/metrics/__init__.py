"""Metrics as Cityscapes counts them: exact ones in NumPy, and Keras metrics for `compile`."""

from scmnet_zoo.metrics.confusion import ConfusionMatrix
from scmnet_zoo.metrics.instance_scores import InstanceScores
from scmnet_zoo.metrics.instances import InstanceHits, instance_weights
from scmnet_zoo.metrics.segmentation_scores import SegmentationScores

__all__ = [
    "ConfusionMatrix",
    "InstanceHits",
    "InstanceScores",
    "SegmentationScores",
    "instance_weights",
]
