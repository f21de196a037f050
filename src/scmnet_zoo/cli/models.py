"""`scmnet-zoo models`: the networks there are."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from scmnet_zoo.weights import manifest


@dataclass(frozen=True)
class Network:
    """What the list says of a network."""

    key: str
    title: str
    parameters: int  # all of them, with 19 classes
    source: str


# Stored, as importing Keras and building the networks takes long; a test holds it against them.
NETWORKS = (
    Network("scmnet", "SCMNet", 1_255_687, "DICTA 2021, doi 10.1109/DICTA52665.2021.9647401"),
    Network("fastscnn", "Fast-SCNN", 1_161_731, "BMVC 2019, arXiv 1902.04502"),
    Network("contextnet", "ContextNet14", 898_675, "BMVC 2018, arXiv 1805.04554"),
    Network("deeplabv3plus", "DeepLabV3+ (Xception65)", 41_257_699, "ECCV 2018, arXiv 1802.02611"),
    Network("efficientvit", "EfficientViT (B0)", 711_027, "ICCV 2023, arXiv 2205.14756"),
)


def command() -> None:
    """List the networks: parameters at 19 classes, source, and the weights there are."""
    table = Table()
    for title in ("network", "name", "parameters", "source", "weights"):
        typed = title in ("network", "weights")  # which the user has to type, so they stay whole
        table.add_column(title, no_wrap=typed, overflow="fold")
    table.columns[2].justify = "right"
    for network in NETWORKS:
        names = "\n".join(manifest.names(network.key)) or "none yet"
        table.add_row(network.key, network.title, f"{network.parameters:,}", network.source, names)
    Console().print(table)
