"""How far cells are from the least that this machine could take."""

import contextlib
from typing import TYPE_CHECKING

from scmnet_zoo.benchmark.latency.preset import Cell
from scmnet_zoo.benchmark.latency.process import WorkerError

if TYPE_CHECKING:
    from scmnet_zoo.benchmark.latency.harness import Bench, Row

BACKENDS = ("tensorflow", "jax", "torch")
SCOPES = ("network", "mask")
LIMIT = 300.0  # seconds
Peaks = dict[str, tuple[dict[str, float], float]]


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
    known: dict[tuple, tuple[int, int] | None] = {}
    for row in timed:
        macs = max((one.get(row.cell.precision, 0.0) for one, _ in peaks.values()), default=0.0)
        copied = max((one for _, one in peaks.values()), default=0.0)
        if macs and copied and row.cell.form in ("stock", "model", "fused"):
            floor = _floor(bench, row.cell, next(iter(peaks)), known)
            if floor is not None and row.times:
                row.over_floor = row.times.median / max(floor[0] / macs, floor[1] / copied)
    return peaks


def _floor(
    bench: "Bench", cell: Cell, backend: str, known: dict[tuple, tuple[int, int] | None]
) -> tuple[int, int] | None:
    """Multiply-adds and bytes of a cell's network, None for one that is not the zoo's."""
    key = (cell.network, cell.size, cell.precision, cell.scope)
    if key not in known:
        known[key] = None
        with contextlib.suppress(WorkerError):
            worker = bench.worker(f"run {backend}", backend)
            known[key] = worker.ask("floor", cell, timeout=LIMIT)
    return known[key]
