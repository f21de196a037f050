"""`scmnet-zoo train`: train a network on a dataset by a recipe."""

import dataclasses
import logging
from pathlib import Path
from typing import Annotated

import typer

from scmnet_zoo.cli._backend import start_keras


def command(
    data: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    output: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    network: Annotated[str, typer.Option(help="Key of the network.")] = "scmnet",
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")] = "camvid",
    recipe: Annotated[
        Path | None, typer.Option(help="A TOML file; by default the shipped recipe.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps, instead of the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights, the order and the augmentation.")] = 0,
) -> None:
    """Train from nothing on the dataset's train split and write the weights."""
    start_keras()
    from scmnet_zoo.training import read_recipe, shipped_recipe, train

    chosen = shipped_recipe(network, dataset) if recipe is None else read_recipe(recipe)
    if steps is not None:
        chosen = dataclasses.replace(
            chosen, steps=steps, warmup_steps=min(chosen.warmup_steps, steps // 10)
        )
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("scmnet_zoo").setLevel(logging.INFO)
    train(network, dataset, data, chosen, output, seed)
