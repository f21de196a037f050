"""Read the folder of a finished training run."""

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
        folder: folder of the run.
        path: file of the weights to publish: of the best epoch by validation, or of the last.
        checkpoint: content of that file.
        metadata: metadata of that file.
        dataset: name of the dataset.
        train_splits: training splits.
        weights: name of the initial weights, or SHA-256 of their file. None for random weights.
        teachers: names of the teachers' weights, or SHA-256 of their files.
        seed: seed of the run.
        recipe: recipe of the run.
        session: backend, versions and devices of the last session.
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
        """Name of the shipped recipe that equals the run's, or `recipe.toml`."""
        start = f"{self.network}_{self.dataset}"
        names = [name for name in recipe_names() if name.startswith(start)]
        return next((name for name in names if find_recipe(name) == self.recipe), RECIPE)

    @property
    def command(self) -> str:
        """Command that repeats the training."""
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
        folder: folder of the run.
        last: whether to take the weights of the last epoch instead of the best by validation. A
            run that trained on `val` always gives those of the last epoch.

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
        teachers = tuple(stored.get("teachers", []))  # older runs lack the key
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
