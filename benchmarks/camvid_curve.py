"""Runs the beginning of a shipped CamVid recipe again and compares its losses with those logged.

Run as `KERAS_BACKEND=jax python benchmarks/camvid_curve.py DIR RUN`, on a GPU; RUN is one of
those in camvid_runs/ beside this file, which hold the losses of the runs that made the shipped
weights, and the weights that SCMNet's left, their kernels in 16 bits. DIR is CamVid's folder, of
`scmnet_drawn` that of the scenes that camvid_drawn.py drew. The learning rate is that of the whole
run, which is broken off after a share of it. Exits with 1 where the mean loss of an epoch is
further from the logged one than the tolerance.
"""

import argparse
import csv
import dataclasses
import os
import signal
import sys
from pathlib import Path

import keras
from rich.console import Console
from rich.table import Table

from scmnet_zoo.data import camvid
from scmnet_zoo.data.dataset import joined
from scmnet_zoo.data.loader import Source, source_of
from scmnet_zoo.training import Recipe, find_recipe, fit, training_network
from scmnet_zoo.training.loop import InMemory

FOLDER = Path(__file__).with_name("camvid_runs")
SHARE = 0.05  # of the epochs
TOLERANCE = 0.05  # relative; on GPUs sums are not taken in the same order each time


@dataclasses.dataclass(frozen=True)
class Run:
    """A run: network, shipped recipe, the run whose weights it started from, the splits."""

    network: str
    recipe: str
    start: str | None = None
    splits: tuple[str, ...] = ("train", "val")

    @property
    def weights(self) -> Path | None:
        """The file of the weights that it started from."""
        return None if self.start is None else FOLDER / f"{self.start}.safetensors"


SHIPPED = {
    "scmnet_drawn": Run("scmnet", "scmnet_camvid_drawn", splits=("train",)),
    "scmnet_hints": Run("scmnet", "scmnet_camvid_hints", "scmnet_drawn"),
    "scmnet_whole": Run("scmnet", "scmnet_camvid_whole", "scmnet_hints"),
    "scmnet_from_nothing": Run("scmnet", "scmnet_camvid"),  # shipped before
    "fastscnn": Run("fastscnn", "fastscnn_camvid"),
    "contextnet": Run("contextnet", "contextnet_camvid"),
    "deeplabv3plus_mobilenet_v2": Run("deeplabv3plus", "deeplabv3plus_camvid_mobilenet_v2"),
}


def logged(run: str) -> list[float]:
    """The mean loss of each epoch of the run that made the shipped weights."""
    with (FOLDER / f"{run}.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def beginning(
    network: str,
    recipe: Recipe,
    source: Source,
    epochs: int,
    weights: Path | None = None,
    seed: int = 0,
) -> list[float]:
    """The mean losses of the first epochs of a run, which is then interrupted as by Ctrl-C."""
    steps = epochs * (len(source.dataset.samples) // recipe.batch_size)
    records = InMemory()

    def stop(begun: int, total: int) -> None:
        if begun == steps + 1:
            os.kill(os.getpid(), signal.SIGINT)

    keras.utils.set_random_seed(seed)
    model = training_network(network, recipe, source.dataset.space.classes, weights)
    try:
        rows = fit(model, source, recipe, seed, records=records, progress=stop)
    except KeyboardInterrupt:
        rows = records.standing().rows
    return [row["loss"] for row in rows[:epochs]]


def main() -> None:
    """Run the beginning, print both curves, and compare."""
    parser = argparse.ArgumentParser(description="The beginning of a shipped run, again.")
    parser.add_argument("data", help="CamVid's folder, or the drawn scenes'")
    parser.add_argument("run", choices=list(SHIPPED), help="which run")
    parser.add_argument("--share", type=float, default=SHARE, help="of the epochs")
    arguments = parser.parse_args()
    run = SHIPPED[arguments.run]
    recipe, before = find_recipe(run.recipe), logged(arguments.run)
    epochs = max(1, round(arguments.share * recipe.epochs))
    frames = joined([camvid(arguments.data, split) for split in run.splits])
    now = beginning(run.network, recipe, source_of(frames, recipe.size), epochs, run.weights)
    table = Table("epoch", "logged", "now", "difference")
    apart = [new / old - 1 for new, old in zip(now, before, strict=False)]
    for epoch, (old, new, part) in enumerate(zip(before, now, apart, strict=False), start=1):
        table.add_row(str(epoch), f"{old:.4f}", f"{new:.4f}", f"{part:+.1%}")
    Console().print(table)
    if max(map(abs, apart)) > TOLERANCE:
        sys.exit(f"{arguments.run}: further than {TOLERANCE:.0%} from the logged losses")


if __name__ == "__main__":
    main()
