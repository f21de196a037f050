"""Evaluation of a network on a dataset by a fixed protocol."""

from scmnet_zoo.evaluation.export import Export
from scmnet_zoo.evaluation.inference import Inference, Predictor
from scmnet_zoo.evaluation.loading import Task, load
from scmnet_zoo.evaluation.measure import NoFramesError, evaluate
from scmnet_zoo.evaluation.protocol import (
    CAMVID_A,
    CAMVID_B,
    FULL,
    PROTOCOLS,
    Protocol,
    protocol_of,
)
from scmnet_zoo.evaluation.report import write_report
from scmnet_zoo.evaluation.scores import Scores

__all__ = [
    "CAMVID_A",
    "CAMVID_B",
    "FULL",
    "PROTOCOLS",
    "Export",
    "Inference",
    "NoFramesError",
    "Predictor",
    "Protocol",
    "Scores",
    "Task",
    "evaluate",
    "load",
    "protocol_of",
    "write_report",
]
