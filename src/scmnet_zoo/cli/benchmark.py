"""`scmnet-zoo benchmark`: deprecated commands."""

from pathlib import Path
from typing import Annotated

import typer

from scmnet_zoo.cli._errors import fail, say
from scmnet_zoo.cli._stated import compare_stated

app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="Deprecated: see speed, and evaluate --stated."
)


@app.callback()
def _group() -> None:
    pass


@app.command("accuracy")
def accuracy(
    data: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")] = "camvid",
    keys: Annotated[list[str] | None, typer.Argument(metavar="[NETWORK/NAME...]")] = None,
) -> None:
    """Deprecated: use `scmnet-zoo evaluate --stated`."""
    instead = "use scmnet-zoo evaluate --stated"
    say(f"scmnet-zoo: benchmark accuracy is deprecated; {instead}", err=True)
    compare_stated(data, dataset, keys or [])


def _moved(name: str, instead: str) -> None:
    """Add an old command that fails with a line that says what to run instead."""

    def command() -> None:
        fail(f"benchmark {name} is no longer part of the package; {instead}")

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, context_settings=settings, help=instead)(command)


LAB = "run python -m lab.latency {} at the top of the repository"
_moved("latency", f"run scmnet-zoo speed; for all runtimes and other networks {LAB.format('run')}")
_moved("floor", LAB.format("floor"))
_moved("train", LAB.format("train"))
