"""`scmnet-zoo models`: list the networks."""

from rich.console import Console
from rich.table import Table

from scmnet_zoo.catalogue.networks import NETWORK_CARDS
from scmnet_zoo.weights import manifest


def command() -> None:
    """List the networks: parameters at 19 classes, source, and names of trained weights."""
    table = Table()
    for title in ("network", "name", "parameters", "source", "weights"):
        typed = title in ("network", "weights")  # users type these, so they are not wrapped
        table.add_column(title, no_wrap=typed, overflow="fold")
    table.columns[2].justify = "right"
    for card in NETWORK_CARDS.values():
        names = "\n".join(manifest.names(card.key)) or "none yet"
        table.add_row(card.key, card.title, f"{card.parameters:,}", card.paper.source, names)
    Console().print(table)
