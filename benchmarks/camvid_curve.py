"""Runs the beginning of a shipped CamVid recipe again and compares its losses with those logged.

Run as `KERAS_BACKEND=jax python benchmarks/camvid_curve.py DIR RUN`, on a GPU; RUN is one of
those in camvid_runs/ beside this file, which hold the losses of the runs that made the shipped
weights, and the weights that SCMNet's left, their kernels in 16 bits; what the other networks'
began with is given by `--start`. DIR is CamVid's folder, of the runs whose name ends in `_drawn`
that of the scenes that camvid_drawn.py drew. The learning rate is that of the whole run, which is
broken off after a share of it. Exits with 1 where the mean loss of an epoch is further from the
logged one than the tolerance.
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


def runs_of(name: str, network: str, recipe: str) -> dict[str, Run]:
    """The three runs that made a network's shipped weights, each from what the one before has left,
    and the one that made those shipped before, from nothing."""
    return {
        f"{name}_drawn": Run(network, f"{recipe}_drawn", splits=("train",)),
        f"{name}_hints": Run(network, f"{recipe}_hints", f"{name}_drawn"),
        f"{name}_whole": Run(network, f"{recipe}_whole", f"{name}_hints"),
        f"{name}_from_nothing": Run(network, recipe),
    }


SHIPPED = {
    **runs_of("scmnet", "scmnet", "scmnet_camvid"),
    **runs_of("fastscnn", "fastscnn", "fastscnn_camvid"),
    **runs_of("contextnet", "contextnet", "contextnet_camvid"),
    **runs_of("mobilenet_v2", "deeplabv3plus", "deeplabv3plus_camvid_mobilenet_v2"),
}


def start_of(run: Run, given: Path | None) -> Path | None:
    """The file of the weights that a run started from, in the folder of the runs or as given.

    Raises:
        ValueError: it is neither there nor given, or given and the run starts from nothing.
    """
    if run.start is None:
        if given is not None:
            raise ValueError(f"Expected no --start, the run begins with nothing. Received: {given}")
        return None
    kept = FOLDER / f"{run.start}.safetensors"
    if given is None and not kept.exists():
        raise ValueError(f"Expected --start with the weights that {run.start} left. Received: none")
    return given or kept


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
    parser.add_argument("--start", type=Path, help="the weights that it began with")
    parser.add_argument("--share", type=float, default=SHARE, help="of the epochs")
    arguments = parser.parse_args()
    run = SHIPPED[arguments.run]
    try:
        start = start_of(run, arguments.start)
    except ValueError as error:
        sys.exit(str(error))
    recipe, before = find_recipe(run.recipe), logged(arguments.run)
    epochs = max(1, round(arguments.share * recipe.epochs))
    frames = joined([camvid(arguments.data, split) for split in run.splits])
    now = beginning(run.network, recipe, source_of(frames, recipe.size), epochs, start)
    table = Table("epoch", "logged", "now", "difference")
    apart = [new / old - 1 for new, old in zip(now, before, strict=False)]
    for epoch, (old, new, part) in enumerate(zip(before, now, apart, strict=False), start=1):
        table.add_row(str(epoch), f"{old:.4f}", f"{new:.4f}", f"{part:+.1%}")
    Console().print(table)
    if max(map(abs, apart)) > TOLERANCE:
        sys.exit(f"{arguments.run}: further than {TOLERANCE:.0%} from the logged losses")


if __name__ == "__main__":
    main()
