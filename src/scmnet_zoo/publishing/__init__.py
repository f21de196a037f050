"""From the folder of a training run to weights that others can load by name."""

from scmnet_zoo.publishing.card import model_card
from scmnet_zoo.publishing.publish import prepare, publish
from scmnet_zoo.publishing.run import Run, read_run

__all__ = ["Run", "model_card", "prepare", "publish", "read_run"]
