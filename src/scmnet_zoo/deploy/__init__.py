"""From a trained network to what runs it: the inference form, and files for other runtimes."""

from scmnet_zoo.deploy.description import Description, describe
from scmnet_zoo.deploy.export import Exported, Report, export, load
from scmnet_zoo.deploy.formats import FORMATS
from scmnet_zoo.deploy.fuse import FUSED_LAYERS, OUTPUTS, fuse
from scmnet_zoo.deploy.quality import Labelled

__all__ = [
    "FORMATS",
    "FUSED_LAYERS",
    "OUTPUTS",
    "Description",
    "Exported",
    "Labelled",
    "Report",
    "describe",
    "export",
    "fuse",
    "load",
]
