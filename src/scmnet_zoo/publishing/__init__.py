"""From the folder of a training run to weights that others can load by name."""

from scmnet_zoo.publishing.card import model_card
from scmnet_zoo.publishing.publish import prepare, upload
from scmnet_zoo.publishing.run import Run, read_run

__all__ = ["Run", "model_card", "prepare", "read_run", "upload"]
