"""What the folder of a finished training run says."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from scmnet_zoo.training.recipe import Recipe, read_recipe
from scmnet_zoo.training.recipes import find_recipe, recipe_names
from scmnet_zoo.weights.checkpoint import Checkpoint, read_checkpoint
from scmnet_zoo.weights.metadata import Metadata
from scmnet_zoo.weights.places import BEST

LAST, RECIPE = "last.safetensors", "recipe.toml"
NEEDED = (BEST, LAST, RECIPE, "run.json", "metrics.csv", "curves.png")


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        folder: of the run.
        path: of the weights that are published: those of the best epoch by validation, or of the
            last.
        checkpoint: their content.
        metadata: what they state.
        dataset: name of the dataset.
        train_splits: what it learned from.
        weights: name of the weights it started from, or SHA-256 of their file; None for none.
        teachers: names or SHA-256 of the weights of those it learned from.
        seed: of everything drawn.
        recipe: what was done.
        session: backend, versions and devices of its last session.
    """

    folder: Path
    path: Path
    checkpoint: Checkpoint
    metadata: Metadata
    dataset: str
    train_splits: tuple[str, ...]
    weights: str | None
    teachers: tuple[str, ...]
    seed: int
    recipe: Recipe
    session: dict[str, str]

    @property
    def network(self) -> str:
        return self.metadata.network

    @property
    def recipe_name(self) -> str:
        """The shipped recipe that is the run's; `recipe.toml` where it is none."""
        start = f"{self.network}_{self.dataset}"
        names = [name for name in recipe_names() if name.startswith(start)]
        return next((name for name in names if find_recipe(name) == self.recipe), RECIPE)

    @property
    def command(self) -> str:
        """The command that trains the like."""
        words = ["scmnet-zoo", "train", "--network", self.network, "--dataset", self.dataset]
        words += ["--data", self.dataset.upper(), "--recipe", self.recipe_name]
        if self.train_splits != ("train",):
            words += [word for split in self.train_splits for word in ("--train-split", split)]
        if self.weights is not None:
            words += ["--weights", self.weights]
        words += [word for teacher in self.teachers for word in ("--teacher", teacher)]
        words += ["--seed", str(self.seed), "--output", f"runs/{self.network}_{self.dataset}"]
        return f"KERAS_BACKEND={self.session['backend']} {shlex.join(words)}"


def read_run(folder: str | os.PathLike[str], last: bool = False) -> Run:
    """Read the folder of a run.

    Args:
        folder: of the run.
        last: take the weights of the last epoch, not those of the best one by validation. They
            are taken too where the run learned from the validation frames.

    Raises:
        ValueError: a file of a finished run is missing or cannot be read.
    """
    folder = Path(folder)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"Expected the folder of a training run. Received: {folder}, without {missing[0]}"
        )
    path = folder / "run.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        network, dataset, session = stored["network"], stored["dataset"], stored["sessions"][-1]
        weights, seed = stored["weights"], int(stored["seed"])
        splits = tuple(stored["train_splits"])
        teachers = tuple(stored.get("teachers", []))  # runs begun before there were any name none
        session["backend"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: cannot be read as that of a run: {error}") from error
    weights_path = folder / (LAST if last or "val" in splits else BEST)
    checkpoint = read_checkpoint(weights_path, network)
    metadata = checkpoint.metadata
    if metadata is None:
        raise ValueError(f"{weights_path}: expected weights that name their classes")
    recipe = read_recipe(folder / RECIPE)
    return Run(
        folder=folder,
        path=weights_path,
        checkpoint=checkpoint,
        metadata=metadata,
        dataset=dataset,
        train_splits=splits,
        weights=weights,
        teachers=teachers,
        seed=seed,
        recipe=recipe,
        session=session,
    )
