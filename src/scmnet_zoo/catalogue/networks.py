"""The cards of the networks. A network is its file in `models/`, a card here, and its test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scmnet_zoo.catalogue._cards import Cards, resolved

if TYPE_CHECKING:
    import keras

Arguments = Mapping[str, Any]

# The backbones whose ImageNet weights are in the manifest like those of networks.
BACKBONES = ("xception", "mobilenet_v2")


@dataclass(frozen=True)
class Paper:
    """Where a network comes from.

    Attributes:
        authors: their family names, with commas.
        venue: the conference or journal.
        year: of the publication.
        arxiv: the number at arXiv, or empty.
        doi: the DOI, or empty.
    """

    authors: str
    venue: str
    year: int
    arxiv: str = ""
    doi: str = ""

    @property
    def link(self) -> str:
        """The paper's address."""
        return (
            f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else f"https://doi.org/{self.doi}"
        )

    @property
    def source(self) -> str:
        """Venue, year and number, e.g. `"BMVC 2019, arXiv 1902.04502"`."""
        number = f"arXiv {self.arxiv}" if self.arxiv else f"doi {self.doi}"
        return f"{self.venue} {self.year}, {number}"

    @property
    def citation(self) -> str:
        """Authors and source."""
        return f"{self.authors}, {self.source}"

    @property
    def short(self) -> str:
        """First author and year, e.g. `"Poudel et al. 2019"`."""
        first, *others = self.authors.split(", ")
        return f"{first}{' et al.' if others else ''} {self.year}"


@dataclass(frozen=True)
class NetworkCard:
    """A network of the zoo.

    Attributes:
        key: what the command line, the manifest and weight files call it.
        title: its name, with the default variant.
        factory: import path of the factory, `"module:name"`, or the factory itself.
        paper: where it comes from.
        parameters: of the default variant with 19 classes, those of batch norm's statistics too.
        trainable: the trainable ones among them.
        arguments: the factory's own arguments that files of weights state, with their defaults.
        small: the factory's arguments for a small variant, which tests build.
        code_licence: licence of the authors' code, where there is code that is known here.
    """

    key: str
    title: str
    factory: str | Callable[..., "keras.Model"]
    paper: Paper
    parameters: int
    trainable: int
    arguments: Arguments = field(default_factory=dict)
    small: Arguments = field(default_factory=dict)
    code_licence: str = ""

    @property
    def name(self) -> str:
        """The name of the factory."""
        if isinstance(self.factory, str):
            return self.factory.partition(":")[2]
        return self.factory.__name__

    def load(self) -> Callable[..., "keras.Model"]:
        """Import the factory, and with it Keras."""
        return resolved(self.factory)


NETWORK_CARDS = Cards(
    (
        NetworkCard(
            key="scmnet",
            title="SCMNet",
            factory="scmnet_zoo.models.scmnet:SCMNet",
            paper=Paper(
                "Singha, Bergemann, Pham, Krishna",
                "DICTA",
                2021,
                doi="10.1109/DICTA52665.2021.9647401",
            ),
            parameters=1_255_687,
            trainable=1_230_391,
            arguments={"residual": True},
        ),
        NetworkCard(
            key="fastscnn",
            title="Fast-SCNN",
            factory="scmnet_zoo.models.fast_scnn:FastSCNN",
            paper=Paper("Poudel, Liwicki, Cipolla", "BMVC", 2019, arxiv="1902.04502"),
            parameters=1_161_731,
            trainable=1_138_051,
        ),
        NetworkCard(
            key="contextnet",
            title="ContextNet14",
            factory="scmnet_zoo.models.contextnet:ContextNet",
            paper=Paper("Poudel, Bonde, Liwicki, Zach", "BMVC", 2018, arxiv="1805.04554"),
            parameters=898_675,
            trainable=876_563,
        ),
        NetworkCard(
            key="deeplabv3plus",
            title="DeepLabV3+ (Xception65)",
            factory="scmnet_zoo.models.deeplab_v3_plus:DeepLabV3Plus",
            paper=Paper("Chen, Zhu, Papandreou, Schroff, Adam", "ECCV", 2018, arxiv="1802.02611"),
            parameters=41_257_699,
            trainable=41_054_899,
            arguments={
                "backbone": "xception65",
                "output_stride": 16,
                "aspp_rates": [6, 12, 18],
                "decoder": True,
            },
            small={"backbone": "mobilenet_v2"},
        ),
        NetworkCard(
            key="efficientvit",
            title="EfficientViT (B0)",
            factory="scmnet_zoo.models.efficientvit:EfficientViT",
            paper=Paper("Cai, Li, Hu, Gan, Han", "ICCV", 2023, arxiv="2205.14756"),
            parameters=711_027,
            trainable=706_691,
            arguments={"variant": "b0"},
            code_licence="Apache-2.0",
        ),
    ),
    unknown="Expected network to be one of",
)
