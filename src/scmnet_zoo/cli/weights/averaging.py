"""`scmnet-zoo weights average`: the mean of several runs' weights."""

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
        bool, typer.Option("--half", help="Keep the kernels in 16 bits, for half the size.")
    ] = False,
) -> None:
    """Write the mean of the weights of runs that began with the same ones."""
    start_keras()
    from scmnet_zoo.weights.average import average_checkpoints

    metadata = average_checkpoints(files, output, half)
    say(f"{output}: {metadata.network} for {len(metadata.classes)} classes")
