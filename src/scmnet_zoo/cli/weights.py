"""`scmnet-zoo weights`: the trained weights there are."""

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scmnet_zoo.weights import manifest


def command() -> None:
    """List the trained weights: classes, training size (height x width), results, licence."""
    entries = manifest.entries()
    if not entries:
        typer.echo("The manifest lists no weights yet.")
        return
    table = Table()
    for title in ("network", "weights", "classes", "trained at", "mIoU", "size", "licence"):
        table.add_column(title)
    for entry in entries:
        height, width = entry.training_size
        results = "\n".join(
            f"{r.miou:.2f} {r.dataset} {r.split}, {r.protocol}" for r in entry.results
        )
        table.add_row(
            entry.network,
            entry.name,
            f"{len(entry.classes)}, {entry.dataset}",
            f"{height}x{width}",
            Text(results or "not measured"),
            f"{entry.size / 1e6:.1f} MB",
            entry.licence,
        )
    Console().print(table)
