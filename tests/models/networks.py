"""The networks that the contract and the backend tests cover: one line each."""

from dataclasses import dataclass, field
from typing import Any

from scmnet_zoo import NETWORKS
from scmnet_zoo.models._factory import IMAGENET, PLUS_MINUS_ONE, Normalisation
from scmnet_zoo.weights import Metadata, write_checkpoint


@dataclass(frozen=True)
class Case:
    """A network by its key, with its own arguments and the normalisation it states by default."""

    key: str
    arguments: dict[str, Any] = field(default_factory=dict)
    normalisation: Normalisation = IMAGENET

    def build(self, **arguments):
        return NETWORKS[self.key](**{**self.arguments, **arguments})

    def write(self, model, path, **arguments):
        """Write a model of this case as `.safetensors`."""
        classes = tuple(f"class {i}" for i in range(model.get_layer("head_classifier").filters))
        arguments = {**self.arguments, **arguments}
        write_checkpoint(path, model, Metadata(self.key, arguments, classes, self.normalisation))


CLASSES = 5  # of the models that tests build
CASES = {
    "scmnet": Case("scmnet"),
    "fastscnn": Case("fastscnn"),
    "contextnet": Case("contextnet"),
    "deeplabv3plus": Case("deeplabv3plus", {"backbone": "mobilenet_v2"}, PLUS_MINUS_ONE),
    "efficientvit": Case("efficientvit"),
}
