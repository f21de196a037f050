"""The folder of a training run: recipe, metrics, weights and state.

    recipe.toml          all values of the recipe
    run.json             network, data, seed, start; versions and machine of each session
    metrics.csv          a row per epoch
    tensorboard/         the same for TensorBoard
    curves.png           the same as pictures
    confusion.png        of the last validation
    samples/             images, labels and predictions of a few validation frames
    last.safetensors     weights of the last validation, averaged if the recipe has `ema`
    best.safetensors     weights with the highest validation mIoU
    state.safetensors    the state for resuming
    .lock                held while a run writes to the folder

Files are replaced atomically, so an interruption leaves the previous state.
"""

import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import safetensors
import safetensors.numpy
import tomli_w
from filelock import FileLock, Timeout

from scmnet_zoo.data.dataset import Dataset
from scmnet_zoo.data.masks import Masks, MixedMasks
from scmnet_zoo.data.pack import PackReader
from scmnet_zoo.environment import session
from scmnet_zoo.files import whole_file, write_text
from scmnet_zoo.training.recipe import Recipe, read_recipe, tables_of
from scmnet_zoo.training.standing import Standing

STATE, LAST, LOCK = "state.safetensors", "last.safetensors", ".lock"
STATE_KEY = "scmnet_zoo_state"
PARTS = ".*.part*"  # files that `whole_file` has not finished
TAUGHT = ("train.h5", "val.h5")  # teachers' predictions of a split
BEGUN = (LOCK, "samples", "recipe.toml", "run.json", "not_finite.txt", *TAUGHT)
TIMING = ("seconds",)  # columns that differ between equal runs


@dataclass(frozen=True)
class Identity:
    """Identifies a run: runs of equal identity have the same result.

    Attributes:
        network: key of the network.
        weights: name of the initial weights, or SHA-256 of their file; None for random ones.
        teachers: names of the teachers' weights, or SHA-256 of their files.
        dataset: name of the dataset.
        train_splits: splits that the run learns from.
        classes: names of the classes in the order of the outputs.
        frames: per split, SHA-256 of the list of frames, the sizes of their files and the classes
            of mask values; for a pack, of frame names and labels. Includes whether frames are
            padded to keep their aspect ratio.
        seed: seed of all random numbers.
        recipe: the resolved recipe.
    """

    network: str
    weights: str | None
    teachers: list[str]
    dataset: str
    train_splits: list[str]
    classes: list[str]
    frames: dict[str, str]
    seed: int
    recipe: Recipe


class RunFolder:
    """Opens the folder of a new run, or of the same run, and locks it until closed.

    Files of a start without results are overwritten.

    Args:
        path: the folder; created if missing.
        identity: the identity of the run.

    Raises:
        ValueError: the folder holds other files or another run (the message says what differs), or
            another process writes to it.
        OSError: the folder cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Identity):
        self.path: Path = Path(path)
        self.identity = identity
        sessions = []
        results = any((self.path / name).is_file() for name in (STATE, LAST))
        if (self.path / "run.json").is_file() and results:
            sessions = self._check_same(identity)
        elif self.path.exists() and not self.path.is_dir():
            raise ValueError(f"Expected a folder for the run. Received: {self.path}, a file")
        elif self.path.is_dir() and not all(map(_begun, self.path.iterdir())):
            raise ValueError(
                f"Expected a new folder for the run, or that of a run. Received: {self.path}, "
                "which holds other files"
            )
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"{self.path}: cannot be made: {error.strerror}") from error
        self._hold()
        for part in (*self.path.glob(PARTS), *self.path.glob(f"*/{PARTS}")):  # after SIGKILL
            part.unlink()
        write_text(self.path / "recipe.toml", tomli_w.dumps(tables_of(identity.recipe)))
        facts = {key: getattr(identity, key) for key in _fields()}
        text = json.dumps({**facts, "sessions": [*sessions, session()]}, indent=2)
        write_text(self.path / "run.json", f"{text}\n")

    def _hold(self) -> None:
        self._lock = FileLock(self.path / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise ValueError(
                f"Expected a folder that no run is writing to. Received: {self.path}"
            ) from error

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def _check_same(self, identity: Identity) -> list[dict]:
        """Check that the folder is of the same run; returns its earlier sessions."""
        try:
            stored = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            # Runs of versions without teachers have no such key.
            before = {key: {"teachers": [], **stored}[key] for key in _fields()}
            sessions = list(stored["sessions"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.path / 'run.json'}: cannot be read as that of a run: {error}"
            ) from error
        for key in _fields():
            if before[key] != getattr(identity, key):
                raise ValueError(
                    f"Expected the folder of the same run, or a new one. Received: {self.path}, "
                    f"whose {key} is {before[key]!r}, not {getattr(identity, key)!r}"
                )
        old = tables_of(read_recipe(self.path / "recipe.toml"))
        new = tables_of(identity.recipe)
        changed = [_difference(old, new, key) for key in sorted({*old, *new})]
        if any(changed):
            raise ValueError(
                f"Expected the folder of the same run, or a new one. Received: {self.path}, whose "
                f"recipe differs in {', '.join(filter(None, changed))}"
            )
        return sessions

    def standing(self) -> Standing:
        """The saved progress of the run.

        Raises:
            ValueError: the state is damaged.
        """
        return self._read_state()[0]

    def load_state(self, variables: list[keras.Variable]) -> None:
        """Restore the variables from the last saved state.

        Raises:
            ValueError: the state is damaged, of another run, or was never saved.
        """
        tensors = self._read_state()[1]
        names = _names(variables)
        shapes = {key: tensor.shape for key, tensor in tensors.items()}
        if shapes != {name: tuple(v.shape) for name, v in names.items()}:
            raise ValueError(
                f"{self.path / STATE}: expected the state of this run. Received: other tensors"
            )
        for name, variable in names.items():
            variable.assign(tensors[name])

    def _read_state(self) -> tuple[Standing, dict[str, np.ndarray]]:
        path = self.path / STATE
        if not path.is_file():
            return Standing(), {}
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                standing = Standing(**json.loads(file.metadata()[STATE_KEY]))
                return standing, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (safetensors.SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as the state of a run: {error}") from error

    def save_state(self, variables: list[keras.Variable], standing: Standing) -> None:
        """Write the state for resuming."""
        tensors = {
            name: np.asarray(keras.ops.convert_to_numpy(v.value), order="C")  # keeps shape ()
            for name, v in _names(variables).items()
        }
        text = json.dumps(dataclasses.asdict(standing))
        with whole_file(self.path / STATE) as part:
            part.write_bytes(safetensors.numpy.save(tensors, {STATE_KEY: text}))

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Write metrics.csv."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "metrics.csv", text.getvalue())


def frames_hash(parts: Sequence[Dataset], padded: bool = False) -> str:
    """SHA-256 of the contents of splits and whether frames are padded; see `Identity.frames`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{_meaning(getattr(part.read, 'masks', None))}\n".encode())
        if isinstance(part.read, PackReader):
            digest.update(part.read.labels_digest().encode() + b"\n")
        for sample in part.samples:
            sizes = [path.stat().st_size if path.is_file() else "-" for path in _files(sample)]
            digest.update("\t".join([sample.name, *map(str, sizes)]).encode() + b"\n")
    if padded:  # only then, so that runs of versions without padding resume
        digest.update(b"padded\n")
    return digest.hexdigest()


def _meaning(masks: Masks | None) -> list:
    """The class of each mask value, for the hash."""
    if masks is None:
        return []
    if isinstance(masks, MixedMasks):
        return [_meaning(masks.indices), _meaning(masks.colours)]
    return sorted(masks.ids.items())


def _begun(path: Path) -> bool:
    """Whether a run writes this file before its first result."""
    return path.name in BEGUN or path.match(PARTS)


def _fields() -> list[str]:
    return [one.name for one in dataclasses.fields(Identity) if one.name != "recipe"]


def _files(sample) -> tuple[Path, Path]:
    return sample.image, sample.label


def _names(variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    """Variables by index and last part of the path; full paths depend on the process's history."""
    return {f"{place:04d} {v.path.rsplit('/', 1)[-1]}": v for place, v in enumerate(variables)}


def _difference(old: dict, new: dict, key: str) -> str | None:
    """Describe how two recipes differ in a key; None if they do not."""
    before, after = old.get(key), new.get(key)
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        parts = [_difference(before, after, inner) for inner in sorted({*before, *after})]
        return ", ".join(f"{key}.{part}" for part in parts if part)
    return f"{key} ({before!r}, not {after!r})"
