"""What the folder of a finished training run says."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from scmnet_zoo.training.recipe import Recipe, find_recipe, read_recipe
from scmnet_zoo.weights.checkpoint import Metadata, read_checkpoint

WEIGHTS, RECIPE = "best.safetensors", "recipe.toml"
NEEDED = (WEIGHTS, RECIPE, "run.json", "metrics.csv", "curves.png")


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        folder: of the run.
        metadata: what its best weights say of themselves.
        dataset: name of the dataset.
        weights: name of the weights it started from, or SHA-256 of their file; None for none.
        seed: of everything drawn.
        recipe: what was done.
        session: backend, versions and devices of its last session.
    """

    folder: Path
    metadata: Metadata
    dataset: str
    weights: str | None
    seed: int
    recipe: Recipe
    session: dict[str, str]

    @property
    def network(self) -> str:
        return self.metadata.network

    @property
    def recipe_name(self) -> str:
        """The shipped recipe that is the run's; `recipe.toml` where it is none."""
        name = f"{self.network}_{self.dataset}"
        try:
            return name if find_recipe(name) == self.recipe else RECIPE
        except ValueError:  # no such recipe
            return RECIPE

    @property
    def command(self) -> str:
        """The command that trains the like."""
        words = ["scmnet-zoo", "train", "--network", self.network, "--dataset", self.dataset]
        words += ["--data", self.dataset.upper(), "--recipe", self.recipe_name]
        if self.weights is not None:
            words += ["--weights", self.weights]
        words += ["--seed", str(self.seed), "--output", f"runs/{self.network}_{self.dataset}"]
        return f"KERAS_BACKEND={self.session['backend']} {shlex.join(words)}"


def read_run(folder: str | os.PathLike) -> Run:
    """Read the folder of a run.

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
        session["backend"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: cannot be read as that of a run: {error}") from error
    checkpoint = read_checkpoint(folder / WEIGHTS, network)
    if checkpoint.metadata is None:
        raise ValueError(f"{folder / WEIGHTS}: expected weights that name their classes")
    recipe = read_recipe(folder / RECIPE)
    return Run(folder, checkpoint.metadata, dataset, weights, seed, recipe, session)
