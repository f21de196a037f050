"""`scmnet-zoo weights publish`: publish a run's weights on the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import say


def command(
    run: Annotated[Path, typer.Argument(help="Folder of the training run.")],
    repo: Annotated[str, typer.Option(metavar="USER/NAME", help="Repository on the Hub.")],
    data: Annotated[Path, typer.Option(help="Folder of the run's dataset.")],
    split: Annotated[
        str | None,
        typer.Option(help="Split to measure on. Default: test if it has labels, else val."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the weights. Default: the dataset's name.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
    data_licence: Annotated[
        str | None, typer.Option(help="Licence of the data. Default: the dataset's, if known.")
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Publish the last epoch's weights, not the best.")
    ] = False,
    half: Annotated[
        bool, typer.Option("--half", help="Store the kernels in float16, for half the size.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="New folder. Default: published/NAME.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the folder without uploading it.")
    ] = False,
) -> None:
    """Measure weights again, write their manifest entry and model card, and upload them."""
    start_keras()
    from scmnet_zoo.publishing import prepare, upload

    output = output or Path("published") / repo.rpartition("/")[2]
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, int] = {}

        def show(protocol: str, done: int, total: int) -> None:
            if protocol not in tasks:
                tasks[protocol] = bar.add_task(f"protocol {protocol}", total=total)
            bar.update(tasks[protocol], completed=done)  # type: ignore[arg-type]

        entry = prepare(
            run, repo, data, split, output, name, licence, data_licence, last, half, show
        )
    if not dry_run:
        entry = upload(entry, output)
    for result in entry.results:
        say(f"{result.dataset} {result.split}, protocol {result.protocol}: {result.miou:.2f} mIoU")
    if dry_run:
        say(f"{output}: nothing was uploaded; the entry's revision is zeros until the upload")
    else:
        say(f"{entry.key} is on the Hub; its entry is in {output / 'weights_manifest.json'}")
