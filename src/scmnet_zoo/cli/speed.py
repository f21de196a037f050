"""`scmnet-zoo speed`: time a network or an exported file on this machine."""

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

ENGINE, PRECISION = "keras", "f32"  # defaults
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
            help=f"Engine: keras (on the backend of KERAS_BACKEND), {_ENGINES}.",
            show_default=ENGINE,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Precision: f32, f16 or bf16, if the engine supports it.",
            show_default=PRECISION,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of `scmnet-zoo export` to time."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="Image size. Default: as in training; for random, 512x1024."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of CPU threads of the engine. Default: the engine's choice."
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Largest number of timed runs.")] = 100,
    seconds: Annotated[
        float, typer.Option(min=0, help="Time limit: no run starts after it.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time a network from an RGB image in memory to the class of each pixel.

    The batch size is 1. The time includes normalisation, argmax over the classes and transfers to
    an accelerator. It does not include reading the image file.
    """
    seen = None if size is None else parse_size(size)
    if file is not None:
        of_network = {"network": network, "weights": weights}
        for name, value in {**of_network, "engine": engine, "precision": precision}.items():
            if value is not None:
                raise typer.BadParameter(
                    f"expected no --{name} with --file, as the file has it. Received: {value}",
                    param_hint=f"--{name}",
                )
    start_keras()
    from scmnet_zoo.speed import time_file, time_network
    from scmnet_zoo.weights import manifest
    from scmnet_zoo.weights.registry import DEFAULT_NETWORK

    with ending_at_sigterm():  # temporary files are removed then too
        if file is not None:
            found = time_file(file, size=seen, threads=threads, runs=runs, seconds=seconds)
        else:
            start = None if weights == RANDOM else weights
            if weights is None:
                network = network or DEFAULT_NETWORK
                start = manifest.default(network)
            found = time_network(
                network,
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
