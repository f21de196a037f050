"""Measures candidates for the CamVid recipes on a drive held out of the training frames.

Run as `KERAS_BACKEND=jax python -m lab.camvid.recipe DIR RESULTS.csv CANDIDATE:SEED ...`.

Each run trains on 266 of the 367 training frames and is measured by protocols A and B on the other
101, those of the drive 0006R0 (77 by B); `--held-out` names another drive. Only `train.txt` and its
frames are read. The candidates are in recipe.toml; all are shorter than the shipped recipe,
and see smaller windows unless they say so; with smaller batches they have as many steps. A run that
is done adds a row to the results, so a broken series goes on with the runs that are missing. JAX
compiles a candidate once for all its seeds, and for all processes, where JAX_COMPILATION_CACHE_DIR
names a folder for them.

A candidate may start from weights (`start`) or from what another candidate's run of the same seed
has left (`after`), learn from others (`teachers`), and from frames beside CamVid's (`scenes`, a
folder of its layout; the steps stay as many). All these are in the folder of `--keep`, where runs
leave their weights as CANDIDATE_SEED.safetensors. lab/reports/results.md says how they were made. A
candidate that names another `model` and `recipe` is that recipe as it is shipped, with its changes;
its `epochs`, and those that a candidate states, stay as they are whatever `--epochs` says.
"""

import argparse
import csv
import dataclasses
import statistics
import time
import tomllib
from pathlib import Path
from typing import Any

import keras
import tomli_w
from rich.console import Console

from scmnet_zoo.data import Dataset, camvid
from scmnet_zoo.data.dataset import joined
from scmnet_zoo.data.loader import Source, source_of
from scmnet_zoo.environment import session
from scmnet_zoo.evaluation import CAMVID_A, CAMVID_B, NoFramesError, evaluate
from scmnet_zoo.training import (
    Recipe,
    final_network,
    find_recipe,
    fit,
    shipped_recipe,
    training_network,
    with_overrides,
)
from scmnet_zoo.training.start import copy_weights, trained_metadata
from scmnet_zoo.training.teachers import teacher_network
from scmnet_zoo.weights import write_checkpoint

DRIVES = ("0006R0", "0001TP", "0016E5")  # of the training frames; the first is held out
EPOCHS = 137  # of 22 steps
CROP = (360, 480)  # (height, width) of the windows
NETWORK = "scmnet"
# Keys of a candidate that are not a recipe's.
NOT_OF_A_RECIPE = ("start", "after", "teachers", "scenes", "model", "recipe")
CANDIDATES = Path(__file__).with_suffix(".toml")


def frames(root, drive: str = DRIVES[0]) -> tuple[Dataset, Dataset]:
    """The training frames of the other drives, and those of the drive that is held out."""
    train = camvid(root, "train")
    held_out = tuple(one for one in train.samples if one.name.startswith(drive))
    others = tuple(one for one in train.samples if not one.name.startswith(drive))
    return dataclasses.replace(train, samples=others), dataclasses.replace(train, samples=held_out)


def candidates() -> dict[str, dict]:
    """The candidates' changes by their names."""
    return tomllib.loads(CANDIDATES.read_text(encoding="utf-8"))


def recipe_of(candidate: str, epochs: int = EPOCHS) -> Recipe:
    """The shipped recipe, small and over so many epochs, with a candidate's changes.

    Raises:
        ValueError: no such candidate, or a change that a recipe does not take.
    """
    changes = candidates()
    if candidate not in changes:
        raise ValueError(
            f"Expected a candidate among {', '.join(changes)}. Received: {candidate!r}"
        )
    change = changes[candidate]
    lines = [
        tomli_w.dumps({key: value for key, value in change.items() if key not in NOT_OF_A_RECIPE})
    ]
    if "recipe" in change:
        return with_overrides(find_recipe(change["recipe"]), ["validations=1", *lines])
    shipped = shipped_recipe(NETWORK, "camvid")
    recipe = dataclasses.replace(
        shipped,
        epochs=epochs,
        validations=1,  # each keeps a whole state
        augmentation=dataclasses.replace(shipped.augmentation, crop=CROP),
    )
    recipe = with_overrides(recipe, lines)
    if "epochs" in change:
        return recipe
    return dataclasses.replace(
        recipe, epochs=round(epochs * recipe.batch_size / shipped.batch_size)
    )


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What a run does: recipe, frames, the weights it starts from, those of its teachers."""

    network: str
    recipe: Recipe
    frames: Dataset
    start: Path | None
    teachers: list[Path]


def candidate_of(
    name: str, seed: int, recipe: Recipe, train: Dataset, folder: Path | None
) -> Candidate:
    """A candidate with the files it wants from a folder; with scenes it has as many steps.

    Raises:
        ValueError: there is no such file, or no folder.
    """
    change = candidates()[name]

    def kept(file: str) -> Path:
        if folder is None or not (folder / file).exists():
            where = "without --keep" if folder is None else f"{folder}, which has none"
            raise ValueError(f"Expected a folder with {file} for {name}. Received: {where}")
        return folder / file

    frames = train
    if "scenes" in change:
        frames = joined([train, camvid(kept(change["scenes"]), "train")])
        share = len(train.samples) / len(frames.samples)
        recipe = dataclasses.replace(recipe, epochs=round(recipe.epochs * share))
    start = None
    if "start" in change or "after" in change:
        start = kept(f"{change.get('start') or change['after'] + f'_{seed}'}.safetensors")
    teachers = [kept(f"{one}.safetensors") for one in change.get("teachers", [])]
    return Candidate(change.get("model", NETWORK), recipe, frames, start, teachers)


def measured(
    candidate: Candidate, seed: int, source: Source, held_out: Dataset, keep: Path | None = None
) -> dict[str, Any]:
    """Train a candidate and measure; IoU in percent, seconds of training and measuring.

    Args:
        candidate: what to do.
        seed: of the run.
        source: the candidate's frames.
        held_out: what it is measured on.
        keep: the file that the trained weights are written to.
    """
    name, recipe = candidate.network, candidate.recipe
    started = time.monotonic()
    classes = held_out.space.classes
    keras.utils.clear_session()  # what the run before held on the accelerator is free again
    keras.utils.set_random_seed(seed)
    network = training_network(name, recipe, classes, candidate.start)
    taught = [teacher_network(file, classes, recipe.precision) for file in candidate.teachers]
    rows = fit(network, source, recipe, seed, teachers=taught)
    trained = final_network(name, recipe, classes)
    copy_weights(network, trained)
    if keep is not None:
        write_checkpoint(keep, trained, trained_metadata(name, recipe, held_out.space, trained))
    scores = evaluate(trained, held_out, CAMVID_A, recipe.size)
    try:
        of_b = f"{100 * evaluate(trained, held_out, CAMVID_B, recipe.size).mean_iou():.2f}"
    except NoFramesError:  # none of the drive is there at full size
        of_b = ""
    steps = rows[0]["step"]
    return {
        "steps": rows[-1]["step"],
        "miou": f"{100 * scores.mean_iou():.2f}",
        "miou_b": of_b,
        **{name: f"{100 * value:.2f}" for name, value in scores.iou().items()},
        "loss": f"{rows[-1]['loss']:.4f}",
        "step_ms": f"{1000 * statistics.median(row['seconds'] for row in rows) / steps:.1f}",
        "seconds": round(time.monotonic() - started),
        "device": session()["devices"],
    }


def main() -> None:
    """Measure the runs asked for, each unless it is among the results."""
    parser = argparse.ArgumentParser(description="Candidates for the CamVid recipes.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("results", type=Path, help="the CSV file, which is added to")
    parser.add_argument("runs", nargs="+", metavar="CANDIDATE:SEED")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="in batches of 12")
    parser.add_argument("--held-out", default=DRIVES[0], choices=DRIVES, help="the drive")
    parser.add_argument("--keep", type=Path, help="a folder of weights")
    arguments = parser.parse_args()
    runs = [(name, int(seed)) for name, seed in (run.split(":") for run in arguments.runs)]
    recipes = {name: recipe_of(name, arguments.epochs) for name, _ in runs}  # errors come first
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    train, held_out = frames(arguments.data, arguments.held_out)
    usual = source_of(train, recipes[runs[0][0]].size)
    done = set()
    if arguments.results.exists():
        with arguments.results.open(newline="") as file:
            done = {
                (row["candidate"], int(row["seed"]), row["held_out"])
                for row in csv.DictReader(file)
            }
    for name, seed in runs:
        if (name, seed, arguments.held_out) in done:
            continue
        row = {"candidate": name, "seed": seed, "held_out": arguments.held_out}
        candidate = candidate_of(name, seed, recipes[name], train, arguments.keep)
        source = usual
        if candidate.frames is not train:
            source = source_of(candidate.frames, candidate.recipe.size)
        keep = arguments.keep and arguments.keep / f"{name}_{seed}.safetensors"
        row |= measured(candidate, seed, source, held_out, keep)
        new = not arguments.results.exists()
        with arguments.results.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        Console().print(f"{name} seed {seed}: {row['miou']}, {row['seconds']} s", highlight=False)


if __name__ == "__main__":
    main()
