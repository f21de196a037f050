"""`scmnet-zoo speed`: how fast a network or an exported file is on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scmnet_zoo.catalogue.formats import FORMAT_CARDS
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import say
from scmnet_zoo.cli._options import NETWORK, NETWORK_HELP, WEIGHTS
from scmnet_zoo.cli._signals import ending_at_sigterm
from scmnet_zoo.cli._sizes import parse_size

ENGINE, PRECISION = "keras", "f32"  # by default
RANDOM = "random"

_ENGINES = ", ".join(card.engine for card in FORMAT_CARDS.values() if card.engine)


def command(
    network: Annotated[
        str | None,
        typer.Option(help=NETWORK_HELP, show_default=NETWORK),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Name or file of the weights, or random.", show_default=WEIGHTS),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help=f"keras (on the backend of KERAS_BACKEND), {_ENGINES}.",
            show_default=ENGINE,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="f32, f16 or bf16, as the engine has them.",
            show_default=PRECISION,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file of `scmnet-zoo export`, instead of a network."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="Size of the image, by default as in training, else 512x1024."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of an engine on the CPU, by default as it likes.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    seconds: Annotated[
        float, typer.Option(min=0, help="No further run is started after this time.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time a network from an RGB image in memory to the class of each pixel.

    One image at a time. Normalisation, the choice of the class and transfers to an accelerator are
    part of the time; reading the file is not.
    """
    seen = None if size is None else parse_size(size)
    if file is not None:
        of_network = {"network": network, "weights": weights}
        for name, value in {**of_network, "engine": engine, "precision": precision}.items():
            if value is not None:
                raise typer.BadParameter(
                    f"expected no --{name} with --file, which states it. Received: {value}",
                    param_hint=f"--{name}",
                )
    start_keras()
    from scmnet_zoo.speed import time_file, time_network
    from scmnet_zoo.weights.registry import network_of

    with ending_at_sigterm():  # the temporary file is removed then too
        if file is not None:
            found = time_file(file, size=seen, threads=threads, runs=runs, seconds=seconds)
        else:
            start = None if weights == RANDOM else weights or WEIGHTS
            found = time_network(
                network_of(start, network),
                start,
                engine=engine or ENGINE,
                size=seen,
                precision=precision or PRECISION,
                threads=threads,
                runs=runs,
                seconds=seconds,
            )
    if as_json:
        say(json.dumps(found.as_json()))
        return
    table = Table(title=Text(f"{found.network} in {found.engine} on {found.device}"))
    memory = "-" if found.memory is None else f"{found.memory / 1e6:.0f}"
    height, width = found.size
    row = {
        "size": f"{height}x{width}",
        "precision": found.precision or "-",
        "runs": str(found.runs),
        "median ms": f"{1000 * found.median:.2f}",
        "p99 ms": f"{1000 * found.p99:.2f}",
        "frames/s": f"{found.frames_per_second:.1f}",
        "peak MB": memory,
    }
    for title in row:
        table.add_column(title, justify="right")
    table.add_row(*row.values())
    Console().print(table)
