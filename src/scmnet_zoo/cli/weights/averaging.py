"""`scmnet-zoo weights average`: average the weights of several runs."""

from pathlib import Path
from typing import Annotated

import typer

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import say


def command(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Two or more .safetensors files.")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The new .safetensors file.")],
    half: Annotated[
        bool, typer.Option("--half", help="Store the kernels in float16, for half the size.")
    ] = False,
) -> None:
    """Write the mean of the weights of runs that started from the same weights."""
    start_keras()
    from scmnet_zoo.weights.average import average_checkpoints

    metadata = average_checkpoints(files, output, half)
    say(f"{output}: {metadata.network} for {len(metadata.classes)} classes")
