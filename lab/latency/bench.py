"""The processes of a measurement: cells are prepared in all of them at once, timed in turns."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from lab.latency.exports import SUFFIXES, export_name, maker_of
from lab.latency.frames import Files, write_files
from lab.latency.machine import machine
from lab.latency.preset import Block, Cell, Preset, program_of
from lab.latency.process import Worker, WorkerError, caches
from lab.latency.rows import Profile, Row
from lab.latency.statistics import summarise

BACKENDS = ("tensorflow", "jax", "torch")
LEAST_AT_ONCE = 2  # processes that prepare at the same time, also where there is one core
Progress = Callable[[str, int, int], None]


class Bench:
    """The workers of a measurement.

    Args:
        preset: what is measured.
        folder: for exports, images and compilers' caches; someone else removes it.
        progress: as of `measure`.
    """

    def __init__(self, preset: Preset, folder: Path, progress: Progress):
        self.preset = preset
        self.folder = folder
        self.threads = preset.threads or len(os.sched_getaffinity(0))
        self._caches = caches(folder, self.threads // max(1, *preset.processes.values(), 1))
        self._progress = progress
        self._done = 0
        self._total = 2 * (sum(len(b.cells) for b in preset.blocks) + len(preset.profiles))
        self._workers: dict[str, Worker] = {}
        self._runners: dict[int, Worker] = {}  # by number of the cell
        self._files: dict[tuple[int, int], Files] = {}
        self._unmakable: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._stopped = False
        self._lock = threading.Lock()  # of all the above
        self._drawing = threading.Lock()  # of images
        self._making = {backend: threading.Lock() for backend in BACKENDS}  # of exports

    def worker(self, name: str, backend: str, environment: dict[str, str] | None = None) -> Worker:
        """The worker of this name; a process is started when it is first asked.

        Raises:
            WorkerError: all have been stopped.
        """
        with self._lock:
            if self._stopped:
                raise WorkerError("it was stopped", ended=True)
            if name not in self._workers:
                self._workers[name] = Worker(
                    backend, self.threads, {**self._caches, **(environment or {})}
                )
            return self._workers[name]

    def block(self, block: Block, profiles: Sequence[Profile] = ()) -> list[Row]:
        """Prepare the cells of a block, let them take turns, and let go of them.

        Args:
            block: what to time.
            profiles: prepared together with it, and split after its turns.
        """
        rows = [Row(block.title, cell) for cell in block.cells]
        numbered: dict[int, Row | Profile] = dict(enumerate([*rows, *profiles]))
        self._runners = self._places(numbered)
        self._end_others(self._runners.values())
        self._prepare_all(numbered)
        timed = {number: row for number, row in numbered.items() if isinstance(row, Row)}
        for number, row in self.turns(timed):
            self._turn(number, row, timed)
        for number, row in timed.items():
            if row.cell.scope == "train" and not row.note:
                self._train(number, row)
            elif row.rounds:
                row.times = summarise(row.rounds)
                self._forget(number, row)
        for number, one in numbered.items():
            if isinstance(one, Profile):
                self._split(number, one)
        for worker in {id(w): w for w in self._runners.values()}.values():
            self._note_versions(worker)
        for name in [name for name in self._workers if name.startswith(("row ", "profile "))]:
            self._workers.pop(name).end()  # each held one cell
        return rows

    def turns(self, rows: dict[int, Row]) -> Iterable[tuple[int, Row]]:
        """A, B, C, then A, B, C again: all cells of a round before the next round's."""
        for number in range(self.preset.rounds):
            for key, row in rows.items():
                if number == 0:
                    self._step(f"timing {row.cell.title}")
                if not row.note and row.cell.scope != "train":
                    yield key, row

    def _places(self, rows: dict[int, Row | Profile]) -> dict[int, Worker]:
        """The worker of each cell: training steps and profiles have their own, of the others
        those of one program one, and the programs of a runtime take its processes in turns."""
        found: dict[int, Worker] = {}
        programs: dict[str, dict[Cell, int]] = {}
        for number, row in rows.items():
            cell, name = row.cell, f"{type(row).__name__.lower()} {number}"
            if isinstance(row, Row) and cell.scope != "train":
                known = programs.setdefault(cell.runtime, {})
                place = known.setdefault(program_of(cell), len(known))
                place %= self.preset.processes.get(cell.runtime, 1)
                name = f"run {cell.runtime}" + (f" {place + 1}" if place else "")
            found[number] = self.worker(name, _backend(cell))
        return found

    def _end_others(self, needed: Iterable[Worker]) -> None:
        """End the processes of blocks before that this one has no cells for: on a GPU they keep
        memory, which training wants."""
        kept = set(map(id, needed))
        others = [name for name, worker in self._workers.items() if id(worker) not in kept]
        for name in others:
            if name.startswith("run "):
                self._workers.pop(name).end()

    def _prepare_all(self, rows: dict[int, Row | Profile]) -> None:
        """Each process prepares its cells one after another, beside the other processes.

        So do those that export.
        """
        exported: dict[str, list[Cell]] = {}
        for row in rows.values():
            if row.cell.runtime in SUFFIXES:
                exported.setdefault(maker_of(row.cell), []).append(row.cell)
        queues: dict[int, dict[int, Row | Profile]] = {}
        for number, row in rows.items():
            queues.setdefault(id(self._runners[number]), {})[number] = row
        at_once = self.preset.prepare_at_once or max(LEAST_AT_ONCE, self.threads)
        with ThreadPoolExecutor(at_once) as pool:
            running: list[Future] = [
                *(pool.submit(self._export_queue, cells) for cells in exported.values()),
                *(pool.submit(self._prepare_queue, queue) for queue in queues.values()),
            ]
            try:
                for one in running:
                    one.result()
            except BaseException:
                for one in running:
                    one.cancel()
                self.stop()  # else the threads would wait for them
                raise

    def _export_queue(self, cells: list[Cell]) -> None:
        for cell in cells:
            with contextlib.suppress(WorkerError):  # told to whoever wants the file
                self._export(cell)

    def _prepare_queue(self, queue: dict[int, Row | Profile]) -> None:
        for number, row in queue.items():
            self._step(f"preparing {row.title}")
            self._prepare(number, row, queue)
            end = row.note or f"in {row.prepare or 0:.0f} s"
            self._say(f"prepared {row.title}: {end}")

    def _prepare(self, number: int, row: Row | Profile, queue: dict[int, Row | Profile]) -> None:
        cell, limit = row.cell, self.preset.prepare_seconds
        worker = self._runners[number]
        try:
            if isinstance(row, Profile):
                path = self._export(cell) if cell.runtime in SUFFIXES else None
                row.prepare = worker.ask("prepare_profile", cell, path, timeout=limit)
                return
            if cell.scope == "train":
                steps = self.preset.turn_runs
                row.prepare = worker.ask("prepare_train", cell, steps, timeout=limit)
                return
            path = self._export(cell) if cell.runtime in SUFFIXES else None
            files = self._images(cell.size)
            done = worker.ask("prepare", number, cell, path, files, timeout=limit)
        except WorkerError as error:
            row.fail(error)
            if error.ended:
                self._again(number, queue, number)
        else:
            row.prepare, row.memory = done.seconds, done.memory

    def _again(self, failed: int, rows: dict[int, Row | Profile], before: int) -> None:
        """Prepare again what a process held that has ended.

        Where that ends it once more, one cell more has failed, and it begins anew.
        """
        for number, row in rows.items():
            lost = number < before and not row.note and row.prepare is not None
            if lost and self._runners[number] is self._runners[failed]:
                self._prepare(number, row, rows)

    def _turn(self, number: int, row: Row, rows: dict[int, Row]) -> None:
        preset = self.preset
        limit = preset.prepare_seconds + preset.turn_seconds
        try:
            times = self._runners[number].ask(
                "turn", number, preset.turn_runs, preset.turn_seconds, timeout=limit
            )
            row.rounds.append(times)
        except WorkerError as error:
            row.fail(error)
            if error.ended:
                self._again(number, dict(rows), len(rows))

    def _train(self, number: int, row: Row) -> None:
        try:
            limit = self.preset.prepare_seconds
            times, row.memory = self._runners[number].ask("train", timeout=limit)
            row.rounds = [[seconds] for seconds in times]
            row.times = summarise(row.rounds)
        except WorkerError as error:
            row.fail(error)

    def _split(self, number: int, profile: Profile) -> None:
        self._step(f"splitting {profile.cell.title}")
        if profile.note:
            return
        try:
            limit = self.preset.prepare_seconds
            profile.parts = tuple(self._runners[number].ask("split", timeout=limit))
        except WorkerError as error:
            profile.fail(error)

    def _forget(self, number: int, row: Row) -> None:
        try:
            self._runners[number].ask("release", number, timeout=60)
        except WorkerError as error:
            row.note = str(error)

    def _export(self, cell: Cell) -> Path:
        """The file of a cell's network, made when it is first wanted.

        Raises:
            WorkerError: it cannot be made.
        """
        name, backend = export_name(cell), maker_of(cell)
        path = self.folder / name
        with self._making[backend]:
            if name in self._unmakable:
                raise WorkerError(self._unmakable[name])
            if not path.exists():
                self._say(f"exporting {cell.title}")
                maker = self.worker(f"make {backend}", backend)
                try:
                    maker.ask("export", cell, path, timeout=4 * self.preset.prepare_seconds)
                except WorkerError as error:
                    self._unmakable[name] = f"not exported: {error}"
                    raise WorkerError(self._unmakable[name]) from error
        return path

    def _images(self, size: tuple[int, int]) -> Files:
        with self._drawing:
            if size not in self._files:
                self._files[size] = write_files(self.folder, size)
            return self._files[size]

    def floors(self, rows: list[Row]) -> dict[str, tuple[dict[str, float], float]]:
        """Measure the machine's peaks; tell each row of the zoo's networks its time over floor."""
        from lab.latency.floors import over_floors

        self._say("peaks and floors")
        return over_floors(self, rows)

    def environment(self) -> dict[str, str]:
        """Machine, versions and date."""
        return {**machine(self.threads), **self._versions}

    def stop(self) -> None:
        """End all workers at once, whatever they are doing, and start no others."""
        with self._lock:
            self._stopped = True
            for worker in self._workers.values():
                worker.stop()

    def end(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.end()

    def _note_versions(self, worker: Worker) -> None:
        if worker.running:
            with contextlib.suppress(WorkerError):
                self._versions.update(worker.ask("session", timeout=60))

    def _step(self, title: str) -> None:
        with self._lock:
            self._progress(title, self._done, self._total)
            self._done += 1

    def _say(self, title: str) -> None:
        with self._lock:
            self._progress(title, self._done, self._total)


def _backend(cell: Cell) -> str:
    """The Keras backend of the process that runs a cell."""
    if cell.runtime in BACKENDS:
        return cell.runtime
    return os.environ.get("KERAS_BACKEND", "") or BACKENDS[0]
