"""How far cells are from the least that this machine could take."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lab.latency.preset import Cell
from lab.latency.process import WorkerError
from lab.latency.rows import Peaks

if TYPE_CHECKING:
    from lab.latency.bench import Bench
    from lab.latency.rows import Row

BACKENDS = ("tensorflow", "jax", "torch")
SCOPES = ("network", "mask")
FORMS = ("stock", "model", "fused")  # of the zoo's networks
LIMIT = 300.0  # seconds
COUNTERS = 4  # processes that count at most
# Counting needs no accelerator, and compiling for one takes long.
ON_CPU = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


def over_floors(bench: "Bench", rows: list["Row"]) -> Peaks:
    """Measure the machine's peaks and set `over_floor` of the rows of the zoo's networks.

    The peaks are the most that any of the preset's backends reached: a runtime that reaches less
    is no excuse.

    Returns:
        By backend, multiply-adds a second by precision and bytes a second.
    """
    timed = [row for row in rows if row.times and row.cell.scope in SCOPES]
    precisions = tuple(dict.fromkeys(row.cell.precision for row in timed))
    backends = [name for name in BACKENDS if any(row.cell.runtime == name for row in rows)]
    peaks: Peaks = {}
    for backend in backends or BACKENDS[:1]:
        with contextlib.suppress(WorkerError):
            worker = bench.worker(f"run {backend}", backend)
            peaks[backend] = worker.ask("peaks", precisions, timeout=LIMIT)
    counted = {row.cell: row for row in timed if row.cell.form in FORMS}
    counts = _count(bench, counted, next(iter(peaks), BACKENDS[0]))
    for row in timed:
        count = counts.get(_key(row.cell))
        if count is not None and row.times:
            least = seconds(peaks, row.cell.precision, *count)
            row.over_floor = row.times.median / least if least else None
    return peaks


def seconds(peaks: Peaks, precision: str, macs: int, moved: int) -> float | None:
    """The least time of multiply-adds and bytes; None where the rates are not known."""
    fastest = max((one.get(precision, 0.0) for one, _ in peaks.values()), default=0.0)
    copied = max((one for _, one in peaks.values()), default=0.0)
    return max(macs / fastest, moved / copied) if fastest and copied else None


def _key(cell: Cell) -> tuple:
    return (cell.network, cell.size, cell.precision, cell.scope)


def _count(bench: "Bench", cells: Iterable[Cell], backend: str) -> dict[tuple, tuple[int, int]]:
    """What the cells' networks cannot do without; without those that are not the zoo's."""
    networks: dict[tuple, dict[tuple, Cell]] = {}
    for cell in cells:
        networks.setdefault((cell.network, cell.scope), {})[_key(cell)] = cell
    todo = list(networks.values())
    many = min(COUNTERS, bench.threads, len(todo))
    workers = [bench.worker(f"count {number}", backend, ON_CPU) for number in range(many)]

    def queue(number: int) -> dict[tuple, tuple[int, int]]:
        found: dict[tuple, tuple[int, int]] = {}
        for same in todo[number::many]:
            wanted = [(cell.size, cell.precision) for cell in same.values()]
            with contextlib.suppress(WorkerError):
                first = next(iter(same.values()))
                counts = workers[number].ask("floors", first, wanted, timeout=LIMIT)
                found.update(zip(same, counts, strict=True))
        return found

    with ThreadPoolExecutor(max(1, many)) as pool:
        running = [pool.submit(queue, number) for number in range(many)]
        try:
            return {key: count for one in running for key, count in one.result().items()}
        except BaseException:
            bench.stop()  # else the threads would wait for them
            raise
