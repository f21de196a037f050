"""Predictions as files for a benchmark's server."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from scmnet_zoo.data import CITYSCAPES, VOID, LabelSpace, Sample

UNLABELLED = 0  # labelId of void in Cityscapes


class Export:
    """Writes predictions as PNGs, one per frame, with the image's size and name.

    For Cityscapes the PNGs hold labelIds, as its server and scripts require; for other datasets
    training ids, with 255 for void. Use it as a context manager: the files appear together at its
    end, or not at all after an error.

    Args:
        folder: output folder; created if missing.
        space: classes of the dataset.

    Raises:
        OSError: the folder or a file cannot be written.
        ValueError: two frames have the same file name.

    Example:

    >>> with Export("predictions", dataset.space) as export:
    ...     evaluate(network, dataset, protocol, export=export)
    """

    def __init__(self, folder: str | os.PathLike[str], space: LabelSpace):
        self.folder: Path = Path(folder)
        self.table: np.ndarray = np.arange(VOID + 1).astype(np.uint8)
        if space == CITYSCAPES:
            self.table[VOID] = UNLABELLED
            self.table[: len(space.ids)] = space.ids
        self.names: list[Path] = []

    def __enter__(self) -> "Export":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = tempfile.mkdtemp(prefix=".export.", suffix=".part", dir=self.folder)
        except OSError as error:
            raise self._one_line(error) from error
        self.part: Path = Path(part)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                for name in self.names:
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(self.part / name, self.folder / name)
        except OSError as failure:
            raise self._one_line(failure) from failure
        finally:
            shutil.rmtree(self.part, ignore_errors=True)

    def add(self, sample: Sample, prediction: np.ndarray) -> None:
        """Write the prediction of a frame, training ids, uint8 (height, width)."""
        name = Path(sample.name).parent / f"{sample.image.stem}.png"
        if name in self.names:
            raise ValueError(f"Expected frames of different names. Received: {name} twice")
        path = self.part / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(self.table[prediction]).save(path)
        except OSError as error:
            raise self._one_line(error) from error
        self.names.append(name)

    def _one_line(self, error: OSError) -> OSError:
        reason = error.strerror or str(error)
        return OSError(f"{self.folder}: cannot be written to: {reason}")
