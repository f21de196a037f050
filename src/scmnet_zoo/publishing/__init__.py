"""Publish the weights of a training run on the Hugging Face Hub."""

from scmnet_zoo.publishing.card import model_card
from scmnet_zoo.publishing.publish import prepare, upload
from scmnet_zoo.publishing.run import Run, read_run

__all__ = ["Run", "model_card", "prepare", "read_run", "upload"]
