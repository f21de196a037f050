"""Cells of a preset timed in turns, in processes that wait for each other."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from lab.latency.bench import Bench, Progress
from lab.latency.preset import Preset
from lab.latency.rows import NOT_YET, Measurement, Peaks, Profile, Row

FLOORS, PROFILES = "peaks and floors", "profiles"
Save = Callable[[Measurement], object]


def measure(
    preset: Preset,
    progress: Progress = lambda title, done, total: None,
    floors: bool = True,
    save: Save = lambda measurement: None,
) -> Measurement:
    """Time the cells of a preset.

    A network, runtime or package that fails is a row that says so.

    Args:
        preset: what to time.
        progress: called with what is done next, the steps done and those there are; by one thread
            at a time.
        floors: measure the machine's peaks too, and how far each cell is from them.
        save: called with what there is after each block, if a cell of it could be timed; rows of
            later blocks say that they were not.

    Raises:
        ValueError: no cell could be timed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scmnet-zoo-")))
        bench = Bench(preset, folder, progress)
        stack.callback(bench.end)
        try:
            return _measure(preset, bench, floors, save)
        except BaseException:
            bench.stop()
            raise


def _measure(preset: Preset, bench: Bench, floors: bool, save: Save) -> Measurement:
    blocks = [
        [Row(block.title, cell, note=NOT_YET) for cell in block.cells] for block in preset.blocks
    ]
    missing = [block.title for block in preset.blocks]
    missing += [PROFILES] if preset.profiles else []
    missing += [FLOORS] if floors else []
    profiles = [Profile(cell, note=NOT_YET) for cell in preset.profiles]
    peaks: Peaks = {}

    def found() -> Measurement:
        return Measurement(
            preset=preset,
            rows=tuple(row for rows in blocks for row in rows),
            peaks=peaks,
            environment=bench.environment(),
            profiles=tuple(profiles),
            missing=tuple(missing),
        )

    def done(what: str) -> None:
        missing.remove(what)
        if any(row.times for rows in blocks for row in rows):
            save(found())

    last = len(preset.blocks) - 1
    for number, block in enumerate(preset.blocks):
        split = [Profile(cell) for cell in preset.profiles] if number == last else []
        blocks[number] = bench.block(block, split)
        if split:
            profiles = split
            missing.remove(PROFILES)
        done(block.title)
    if not any(row.times for rows in blocks for row in rows):
        first = blocks[0][0]
        count = sum(map(len, blocks))
        raise ValueError(f"Expected at least one of {count} cells to run. Received: {first.note}")
    if floors:
        peaks = bench.floors([row for rows in blocks for row in rows])
        done(FLOORS)
    return found()
