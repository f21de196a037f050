"""What was measured, as a table of values, as a page, and as a picture."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from lab.latency.plot import points, write_plot
from lab.latency.preset import Block, Cell, Target
from lab.latency.rows import Measurement, Row
from lab.latency.tables import memory_table, profile_csv, profile_tables
from scmnet_zoo.files import write_text

COLUMNS = (
    *("block", "network", "runtime", "form", "precision", "height", "width", "scope", "batch"),
    *("median_ms", "p99_ms", "fastest_ms", "runs", "spread", "over_floor", "memory_mb"),
    *("prepare_s", "note"),
)


def write_report(measurement: Measurement, folder: str | os.PathLike) -> tuple[Path, ...]:
    """Write `latency.csv`, `latency.md`, `environment.json`, `profile.csv` and a plot.

    The last two where there are profiles, and points.

    Args:
        measurement: what to write.
        folder: where to; it is there.

    Returns:
        The paths of what was written.

    Raises:
        OSError: a file cannot be written.
    """
    folder = Path(folder)
    texts = {
        "latency.csv": as_csv(measurement.rows),
        "latency.md": as_markdown(measurement),
        "profile.csv": profile_csv(measurement.profiles, measurement.peaks),
        "environment.json": json.dumps(measurement.environment, indent=1) + "\n",
    }
    if not measurement.profiles:
        del texts["profile.csv"]
    for name, text in texts.items():
        write_text(folder / name, text)
    paths = [folder / name for name in texts]
    shown = points(measurement.rows)
    if shown:
        paths.append(folder / "latency.png")
        write_plot(paths[-1], shown)
    return tuple(paths)


def as_csv(rows: tuple[Row, ...]) -> str:
    """A line for each cell; times in milliseconds, empty where a cell failed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cell, times = row.cell, row.times
        values = [""] * 5
        if times:
            milliseconds = (f"{1e3 * one:.3f}" for one in (times.median, times.p99, times.fastest))
            values = [*milliseconds, str(times.runs), f"{times.spread:.3f}"]
        writer.writerow(
            [
                *(row.block, cell.network, cell.runtime, cell.form, cell.precision),
                *(*cell.size, cell.scope, cell.batch, *values),
                "" if row.over_floor is None else f"{row.over_floor:.2f}",
                "" if row.memory is None else f"{row.memory / 1e6:.0f}",
                "" if row.prepare is None else f"{row.prepare:.1f}",
                row.note,
            ]
        )
    return text.getvalue()


def as_markdown(measurement: Measurement) -> str:
    """A page: machine, targets, and a table for each block."""
    preset = measurement.preset
    lines = [f"# Latency, preset {preset.name}", ""]
    lines += [f"- {key}: {value}" for key, value in measurement.environment.items()]
    for backend, (macs, copied) in measurement.peaks.items():
        rates = ", ".join(f"{rate / 1e9:.0f} GMAC/s in {kind}" for kind, rate in macs.items())
        lines.append(f"- peaks, {backend}: {rates}, {copied / 1e9:.0f} GB/s copied")
    lines += ["", f"{preset.rounds} rounds, in which the cells of a table take turns.", ""]
    if measurement.missing:
        lines += [f"The run had not come to: {'; '.join(measurement.missing)}.", ""]
    if preset.targets:
        lines += ["| target | limit | found | holds |", "|---|--:|--:|---|"]
        lines += [_target(target, measurement.rows) for target in preset.targets]
        lines.append("")
    for block in preset.blocks:
        lines += _block(block, [row for row in measurement.rows if row.block == block.title])
    lines += memory_table(measurement)
    lines += profile_tables(measurement.profiles, measurement.peaks)
    return "\n".join(lines)


def _target(target: Target, rows: Sequence[Row]) -> str:
    medians = _together([target.cell, *([target.than] if target.than else [])], rows)
    unit = "x" if target.than else " ms"
    limit = f"{target.limit:g}{unit}"
    if not medians:
        return f"| {target.text} | {limit} | | not measured |"
    value = medians[0] / medians[1] if target.than else 1e3 * medians[0]
    holds = "yes" if value <= target.limit else f"no, by {value / target.limit - 1:.0%}"
    return f"| {target.text} | {limit} | {value:.3g}{unit} | {holds} |"


def _together(cells: Sequence[Cell], rows: Sequence[Row]) -> list[float]:
    """The medians of cells in the first block in which all of them were timed; none without one."""
    blocks: dict[str, dict[Cell, float]] = {}
    for row in rows:
        if row.times:
            blocks.setdefault(row.block, {})[row.cell] = row.times.median
    for medians in blocks.values():
        if all(cell in medians for cell in cells):
            return [medians[cell] for cell in cells]
    return []


def _block(block: Block, rows: list[Row]) -> list[str]:
    return [
        f"## {block.title}",
        "",
        "| network | runtime | form | precision | size | scope | median ms | p99 ms | runs "
        "| over floor | MB | note |",
        "|---|---|---|---|---|---|--:|--:|--:|--:|--:|---|",
        *(_row(row) for row in rows),
        "",
    ]


def _row(row: Row) -> str:
    cell, times = row.cell, row.times
    height, width = cell.size
    images = f"{cell.batch} of " if cell.scope == "train" else ""
    values = ["", "", ""]
    if times:
        values = [_digits(1e3 * times.median), _digits(1e3 * times.p99), str(times.runs)]
    columns = [
        *(cell.network, cell.runtime, cell.form, cell.precision),
        *(f"{images}{height}x{width}", cell.scope, *values),
        "" if row.over_floor is None else f"{row.over_floor:.1f}",
        "" if row.memory is None or not times else f"{row.memory / 1e6:.0f}",
        row.note.replace("|", "\\|"),
    ]
    return f"| {' | '.join(columns)} |"


def _digits(value: float) -> str:
    """Three digits, whole numbers from 100."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
