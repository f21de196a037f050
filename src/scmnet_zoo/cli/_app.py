"""The Typer application of `scmnet-zoo`, with all commands."""

from typing import Annotated

import typer

from scmnet_zoo._version import __version__
from scmnet_zoo.cli import (
    benchmark,
    data,
    evaluate,
    export,
    models,
    segment,
    speed,
    train,
    weights,
)
from scmnet_zoo.cli._errors import Commands, say

app: typer.Typer = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real-time semantic segmentation of road scenes in Keras.",
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"scmnet-zoo {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command("segment")(segment.command)
app.command("evaluate")(evaluate.command)
app.command("train")(train.command)
app.command("export")(export.command)
app.add_typer(data.app, name="data")
app.add_typer(benchmark.app, name="benchmark", hidden=True)
app.command("speed")(speed.command)
app.command("models")(models.command)
app.add_typer(weights.app, name="weights")
