"""`scmnet-zoo train`: train or fine-tune a network on a dataset by a recipe."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from scmnet_zoo.catalogue.datasets import FRAMES
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._options import (
    DATASET,
    DATASET_HELP,
    NETWORK,
    NETWORK_HELP,
    WEIGHTS_HELP,
)
from scmnet_zoo.cli._sizes import parse_size


def command(
    data: Annotated[Path, typer.Option(help="Folder of the dataset, or a packed file.")],
    network: Annotated[str | None, typer.Option(help=NETWORK_HELP, show_default=NETWORK)] = None,
    dataset: Annotated[str | None, typer.Option(help=DATASET_HELP, show_default=DATASET)] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run. Default: runs/NETWORK_DATASET. The same command again "
            "resumes an interrupted run."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="TOML file or shipped recipe. Default: NETWORK_DATASET."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help=f"Initial weights. {WEIGHTS_HELP}")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of epochs. Default: the recipe's.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Frame size; the crop follows. Default: the recipe's."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames per step. Default: the recipe's.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate. Default: the recipe's.")
    ] = None,
    freeze_epochs: Annotated[
        int | None,
        typer.Option(min=0, help="Number of first epochs that train the classifier alone."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, e.g. --set loss.lovasz=0.5; can be repeated.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the initial weights, frame order and augmentation.")
    ] = 0,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Where frames are stored: device, memory or files. Default: the first that "
            "has room."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of threads that read frames. Default: CPU cores."),
    ] = None,
    train_split: Annotated[
        list[str] | None,
        typer.Option(help="Split to train on; can be repeated. Default: train."),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Weights of a teacher for distillation, with the same classes: .safetensors file "
            "or NETWORK/NAME; can be repeated. Needs --set loss.teachers=1, or --dataset frames, "
            "which also takes files that `weights import` reads."
        ),
    ] = None,
    teacher_weight: Annotated[
        list[float] | None,
        typer.Option(help="With --dataset frames: weight of each teacher. Default: equal."),
    ] = None,
    labelled_dataset: Annotated[
        str | None,
        typer.Option(help="With --dataset frames: name of a labelled dataset to mix in."),
    ] = None,
    labelled_data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the labelled dataset.")
    ] = None,
    labelled_split: Annotated[
        list[str] | None,
        typer.Option(help="Split of the labelled dataset; can be repeated. Default: train."),
    ] = None,
) -> None:
    """Train a network on the train split of a dataset, and validate on the val split.

    With `--dataset frames`, distil teachers into it on a folder of images without labels.
    """
    if dataset != FRAMES:
        _check_unused(
            {
                "--teacher-weight": teacher_weight,
                "--labelled-dataset": labelled_dataset,
                "--labelled-data": labelled_data,
                "--labelled-split": labelled_split,
            }
        )
    if (labelled_dataset is None) != (labelled_data is None):
        raise typer.BadParameter("expected --labelled-dataset and --labelled-data together")
    start_keras()
    from scmnet_zoo.data import dataset_of, reader_of
    from scmnet_zoo.loading import read_weights
    from scmnet_zoo.models import factory_of
    from scmnet_zoo.training import find_recipe, shipped_recipe, train, with_overrides, with_size
    from scmnet_zoo.training.distil import Labelled, distil
    from scmnet_zoo.weights.checkpoint import Checkpoint
    from scmnet_zoo.weights.registry import DEFAULT_NETWORK, named_entry

    start: str | Checkpoint | None = weights
    if network is None and weights is not None:
        if os.path.exists(weights):
            start = read_weights(weights)
            network = start.network
        elif (entry := named_entry(None, weights)) is not None:
            network = entry.network
    network = network or DEFAULT_NETWORK
    factory_of(network)
    dataset = dataset_of(data, dataset)
    if dataset != FRAMES:
        reader_of(dataset)  # an unknown dataset raises here, before its recipe is looked for
    chosen = shipped_recipe(network, dataset) if recipe is None else find_recipe(recipe)
    if size is not None:
        chosen = with_size(chosen, parse_size(size))
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "freeze_epochs": freeze_epochs,
        "optimiser.learning_rate": learning_rate,
    }
    lines = [f"{key}={value}" for key, value in given.items() if value is not None]
    chosen = with_overrides(chosen, [*lines, *(change or [])])
    console = Console(stderr=True)
    logger = logging.getLogger("scmnet_zoo")
    handler = RichHandler(console=console, show_path=False, show_level=False)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with _progress(console) as progress:
            task = progress.add_task("steps", total=None)

            def count(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            folder = output or Path("runs") / f"{network}_{dataset}"
            if dataset == FRAMES:
                labelled = None
                if labelled_dataset is not None and labelled_data is not None:
                    splits = tuple(labelled_split or ("train",))
                    labelled = Labelled(labelled_dataset, labelled_data, splits)
                distil(
                    network,
                    data,
                    folder,
                    teacher or (),
                    chosen,
                    start,
                    seed,
                    keep or "memory",
                    workers,
                    count,
                    teacher_weight or (),
                    labelled,
                )
                return
            train(
                network,
                dataset,
                data,
                folder,
                chosen,
                start,
                seed,
                keep,
                workers,
                count,
                train_split or ("train",),
                teacher or (),
            )
    finally:
        logger.removeHandler(handler)


def _check_unused(options: dict[str, object]) -> None:
    """Raise a usage error for options that need `--dataset frames`."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(
                f"expected --dataset {FRAMES} with it. Received: another dataset", param_hint=name
            )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
