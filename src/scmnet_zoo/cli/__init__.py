"""The command line, `scmnet-zoo`: one file a command, each a few lines over the library."""

import os
import sys
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
from scmnet_zoo.cli._errors import Commands, escape_what_cannot_be_shown, say

app = typer.Typer(
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


def main() -> None:
    """Run the command line. Here, not in the library, TensorFlow is told to keep quiet."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    escape_what_cannot_be_shown(sys.stdout)
    escape_what_cannot_be_shown(sys.stderr)
    app()
