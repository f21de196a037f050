"""Writes the results of a run to its folder at each validation."""

import contextlib
import math
import time
from pathlib import Path
from typing import Any

import keras

from scmnet_zoo import plots
from scmnet_zoo.data.frames import read_frame
from scmnet_zoo.data.loader import Source
from scmnet_zoo.files import whole_file, write_text
from scmnet_zoo.training import pictures
from scmnet_zoo.training.run_folder import LAST, RunFolder
from scmnet_zoo.training.standing import Standing
from scmnet_zoo.training.start import copy_weights
from scmnet_zoo.training.validation import Validation
from scmnet_zoo.weights.checkpoint import write_checkpoint
from scmnet_zoo.weights.metadata import Metadata

SHOWN = 3  # number of validation frames in `samples/`


class Results:
    """Records of a run in its folder.

    Args:
        folder: the run's folder.
        network: the network that is trained.
        final: the same network in the form in which weights are saved.
        metadata: metadata of the weights.
    """

    def __init__(
        self, folder: RunFolder, network: keras.Model, final: keras.Model, metadata: Metadata
    ):
        self.folder: RunFolder = folder
        self.network: keras.Model = network
        self.final: keras.Model = final
        self.metadata: Metadata = metadata

    def standing(self) -> Standing:
        return self.folder.standing()

    def load_state(self, variables: list[keras.Variable]) -> None:
        self.folder.load_state(variables)

    def save_state(self, variables: list[keras.Variable], standing: Standing) -> None:
        self.folder.save_state(variables, standing)

    def keep(self, standing: Standing, best: bool, validation: Validation | None) -> None:
        path = self.folder.path
        copy_weights(self.network, self.final)
        write_checkpoint(path / LAST, self.final, self.metadata)
        if best:
            write_checkpoint(path / "best.safetensors", self.final, self.metadata)
        self.folder.write_metrics(standing.rows)
        self._write_events(standing.rows)
        pictures.write_curves(path / "curves.png", standing.rows)
        if validation is not None:
            classes = self.metadata.classes
            plots.write_confusion(path / "confusion.png", validation.matrix, classes)
            self._write_samples(standing.epoch, validation.source, validation)

    def not_finite(self, step: int, names: list[str]) -> str:
        path = self.folder.path / "not_finite.txt"
        write_text(path, "".join(f"{name}\n" for name in [f"step {step}", *names]))
        return f"its frames are listed in {path}"

    def _write_events(self, rows: list[dict[str, Any]]) -> None:
        """Write the rows since the last validation for TensorBoard.

        The start event makes TensorBoard drop the same epochs of an interrupted run.
        """
        # Imported late, as it imports PyTorch if installed. SummaryWriter writes in a thread, which
        # hides errors, and names files by the second.
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.record_writer import RecordWriter
        from tensorboardX.summary import scalar

        first = next((at for at in range(len(rows) - 1, 0, -1) if "val_loss" in rows[at - 1]), 0)
        start = rows[first]["epoch"]
        events = [
            Event(file_version="brain.Event:2"),
            Event(step=start, session_log=SessionLog(status=SessionLog.START)),
        ]
        for row in rows[first:]:
            for name in row.keys() - {"epoch", "step"}:
                if math.isnan(row[name]):  # a class that does not occur
                    continue
                summary = scalar(name.replace("val_", "val/", 1), row[name])
                events.append(Event(step=row["epoch"], summary=summary))
        now = time.time()
        folder = self.folder.path / "tensorboard"
        folder.mkdir(exist_ok=True)
        with whole_file(folder / f"events.out.tfevents.{now:.0f}.epoch_{start:05d}") as part:
            writer = RecordWriter(str(part))
            with contextlib.closing(writer):
                for event in events:
                    event.wall_time = now
                    writer.write(event.SerializeToString())

    def _write_samples(self, epoch: int, source: Source, validation: Validation) -> None:
        size = validation.model.shown.shape[1:]
        predictions = validation.shown()[:SHOWN]
        samples = source.dataset.samples[: len(predictions)]
        frames = [read_frame(source.dataset, sample, size) for sample in samples]
        path = Path(self.folder.path / "samples" / f"epoch_{epoch:05d}.png")
        pictures.write_samples(path, frames, predictions, source.dataset.space.palette)
