"""Losses over the pixels of a batch that ignore void, for `model.compile`."""

from scmnet_zoo.losses.cross_entropy import CrossEntropy
from scmnet_zoo.losses.dice import Dice
from scmnet_zoo.losses.focal import Focal
from scmnet_zoo.losses.lovasz import LovaszSoftmax
from scmnet_zoo.losses.ohem import OhemCrossEntropy
from scmnet_zoo.losses.weighted_sum import WeightedSum
from scmnet_zoo.losses.with_auxiliary import WithAuxiliary

__all__ = [
    "CrossEntropy",
    "Dice",
    "Focal",
    "LovaszSoftmax",
    "OhemCrossEntropy",
    "WeightedSum",
    "WithAuxiliary",
]
