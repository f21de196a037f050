"""Cells of a preset timed in turns, in processes that wait for each other."""

import os
import platform
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scmnet_zoo._version import __version__
from scmnet_zoo.benchmark.latency.exports import SUFFIXES, export_name, maker_of
from scmnet_zoo.benchmark.latency.frames import Files, write_files
from scmnet_zoo.benchmark.latency.preset import Block, Cell, Preset
from scmnet_zoo.benchmark.latency.process import Worker, WorkerError
from scmnet_zoo.benchmark.latency.statistics import Summary, summarise

BACKENDS = ("tensorflow", "jax", "torch")
Progress = Callable[[str, int, int], None]


@dataclass
class Row:
    """A cell and what was found of it.

    Attributes:
        block: title of the block in which it had its turns.
        cell: what was timed.
        times: None where it failed.
        note: why it failed, in one line.
        prepare: seconds that compiling and the first runs took.
        memory: bytes that it took at most, where that is known.
        over_floor: the median over the least that the machine could take, where that is known.
        rounds: the seconds of all runs, by round.
    """

    block: str
    cell: Cell
    times: Summary | None = None
    note: str = ""
    prepare: float | None = None
    memory: int | None = None
    over_floor: float | None = None
    rounds: list[list[float]] = field(default_factory=list, repr=False)

    def fail(self, error: Exception) -> None:
        """Give up on the cell."""
        self.note, self.times, self.rounds = str(error), None, []


@dataclass(frozen=True)
class Measurement:
    """All rows of a preset.

    Attributes:
        preset: what was asked for.
        rows: a cell each, in the preset's order.
        peaks: by backend, multiply-adds a second by precision and bytes a second.
        environment: machine and versions.
    """

    preset: Preset
    rows: tuple[Row, ...]
    peaks: dict[str, tuple[dict[str, float], float]]
    environment: dict[str, str]


def measure(
    preset: Preset, progress: Progress = lambda title, done, total: None, floors: bool = True
) -> Measurement:
    """Time the cells of a preset.

    A network, runtime or package that fails is a row that says so.

    Args:
        preset: what to time.
        progress: called with what is done next, the steps done and those there are.
        floors: measure the machine's peaks too, and how far each cell is from them.

    Raises:
        ValueError: no cell could be timed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scmnet-zoo-")))
        bench = Bench(preset, folder, progress)
        stack.callback(bench.end)
        rows = [row for block in preset.blocks for row in bench.block(block)]
        if not any(row.times for row in rows):
            raise ValueError(
                f"Expected at least one of {len(rows)} cells to run. Received: {rows[0].note}"
            )
        peaks = bench.floors(rows) if floors else {}
        return Measurement(preset, tuple(rows), peaks, bench.environment())


class Bench:
    """The workers of a measurement.

    Args:
        preset: what is measured.
        folder: for exports and images; someone else removes it.
        progress: as of `measure`.
    """

    def __init__(self, preset: Preset, folder: Path, progress: Progress):
        self.preset = preset
        self.folder = folder
        self.threads = preset.threads or len(os.sched_getaffinity(0))
        self._progress = progress
        self._done, self._total = 0, sum(2 * len(block.cells) for block in preset.blocks)
        self._workers: dict[str, Worker] = {}
        self._files: dict[tuple[int, int], Files] = {}
        self._unmakable: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    def worker(self, name: str, backend: str) -> Worker:
        """The worker of this name; a process is started when it is first asked."""
        return self._workers.setdefault(name, Worker(backend, self.threads))

    def block(self, block: Block) -> list[Row]:
        """Prepare the cells of a block, let them take turns, and let go of them."""
        rows = [Row(block.title, cell) for cell in block.cells]
        numbered = dict(enumerate(rows))
        for number, row in numbered.items():
            self._step(f"preparing {row.cell.title}")
            if row.cell.scope == "train":
                self._train(row)
            else:
                self._prepare(number, row, numbered)
        for number, row in self.turns(numbered):
            self._turn(number, row, numbered)
        for number, row in numbered.items():
            if row.rounds:
                row.times = summarise(row.rounds)
                self._forget(number, row)
        for worker in {id(w): w for w in map(self._runner, block.cells)}.values():
            self._note_versions(worker)
        for name in [name for name in self._workers if name.startswith("make ")]:
            self._workers.pop(name).end()  # they hold memory
        return rows

    def turns(self, rows: dict[int, Row]) -> Iterable[tuple[int, Row]]:
        """A, B, C, then A, B, C again: all cells of a round before the next round's."""
        for number in range(self.preset.rounds):
            for key, row in rows.items():
                if number == 0:
                    self._step(f"timing {row.cell.title}")
                if not row.note and row.cell.scope != "train":
                    yield key, row

    def _runner(self, cell: Cell) -> Worker:
        backend = cell.runtime if cell.runtime in BACKENDS else os.environ.get("KERAS_BACKEND", "")
        return self.worker(f"run {cell.runtime}", backend or BACKENDS[0])

    def _prepare(self, number: int, row: Row, rows: dict[int, Row]) -> None:
        cell, limit = row.cell, self.preset.prepare_seconds
        try:
            path = self._export(cell) if cell.runtime in SUFFIXES else None
            files = self._images(cell.size)
            done = self._runner(cell).ask("prepare", number, cell, path, files, timeout=limit)
        except WorkerError as error:
            row.fail(error)
            if error.ended:
                self._again(cell, rows, number)
        else:
            row.prepare, row.memory = done.seconds, done.memory

    def _again(self, failed: Cell, rows: dict[int, Row], before: int) -> None:
        """Prepare again what a process held that has ended."""
        for number, row in rows.items():
            lost = number < before and not row.note and row.prepare is not None
            if lost and row.cell.runtime == failed.runtime:
                self._prepare(number, row, {})

    def _turn(self, number: int, row: Row, rows: dict[int, Row]) -> None:
        preset = self.preset
        limit = preset.prepare_seconds + preset.turn_seconds
        try:
            times = self._runner(row.cell).ask(
                "turn", number, preset.turn_runs, preset.turn_seconds, timeout=limit
            )
            row.rounds.append(times)
        except WorkerError as error:
            row.fail(error)
            if error.ended:
                self._again(row.cell, rows, len(rows))

    def _train(self, row: Row) -> None:
        # In a process of its own: the most memory that it held is then this cell's.
        worker = self.worker("train", row.cell.runtime)
        try:
            steps, limit = self.preset.turn_runs, 4 * self.preset.prepare_seconds
            times, row.memory = worker.ask("train", row.cell, steps, timeout=limit)
            row.rounds = [[seconds] for seconds in times]
            self._note_versions(worker)
        except WorkerError as error:
            row.fail(error)
        self._workers.pop("train").end()

    def _forget(self, number: int, row: Row) -> None:
        if row.cell.scope != "train":
            try:
                self._runner(row.cell).ask("release", number, timeout=60)
            except WorkerError as error:
                row.note = str(error)

    def _export(self, cell: Cell) -> Path:
        """The file of a cell's network, made when it is first wanted.

        Raises:
            WorkerError: it cannot be made.
        """
        name = export_name(cell)
        path = self.folder / name
        if name in self._unmakable:
            raise WorkerError(self._unmakable[name])
        if not path.exists():
            backend = maker_of(cell)
            maker = self.worker(f"make {backend}", backend)
            try:
                maker.ask("export", cell, path, timeout=4 * self.preset.prepare_seconds)
            except WorkerError as error:
                self._unmakable[name] = f"not exported: {error}"
                raise WorkerError(self._unmakable[name]) from error
        return path

    def _images(self, size: tuple[int, int]) -> Files:
        if size not in self._files:
            self._files[size] = write_files(self.folder, size)
        return self._files[size]

    def floors(self, rows: list[Row]) -> dict[str, tuple[dict[str, float], float]]:
        """Measure the machine's peaks; tell each row of the zoo's networks its time over floor."""
        from scmnet_zoo.benchmark.latency.floors import over_floors

        self._progress("peaks and floors", self._done, self._total)
        return over_floors(self, rows)

    def environment(self) -> dict[str, str]:
        """Machine, versions and date."""
        return {
            "scmnet_zoo": __version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "platform": platform.platform(),
            "processor": _processor(),
            "threads": str(self.threads),
            **self._versions,
        }

    def end(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.end()

    def _note_versions(self, worker: Worker) -> None:
        if worker.running:
            try:
                self._versions.update(worker.ask("session", timeout=60))
            except WorkerError:
                return

    def _step(self, title: str) -> None:
        self._progress(title, self._done, self._total)
        self._done += 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
