"""Tables of where the time goes and of what memory is needed."""

import csv
import io
from collections.abc import Iterable
from math import prod

from lab.latency.floors import seconds
from lab.latency.preset import Cell
from lab.latency.rows import Measurement, Part, Peaks, Profile, Row

CELL = ("network", "runtime", "form", "precision", "height", "width", "scope", "batch")
COLUMNS = (*CELL, "by", "part", "ms", "share", "floor_ms", "gmacs", "mb", "note")
CALL = "call"  # what is beyond the parts, by any split
WORDS = {
    "stage": "Stage of the network",
    "kind": "Kind of operation",
    "step": "Part of the training step",
}
ON_DEVICES = ("jax", "torch")  # runtimes whose memory is a GPU's
SCOPES = ("mask", "train")


def profile_csv(profiles: Iterable[Profile], peaks: Peaks) -> str:
    """A line for each part; times in milliseconds, shares of the whole call."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for profile in profiles:
        cell = profile.cell
        what = [cell.network, cell.runtime, cell.form, cell.precision]
        what += [*map(str, cell.size), cell.scope, str(cell.batch)]
        if not profile.parts:
            writer.writerow([*what, *[""] * 7, profile.note])
        for part, share, floor in _shares(profile, peaks):
            counts = [_number(part.macs, 1e9, 4), _number(part.bytes, 1e6, 3)]
            times = [f"{1e3 * part.seconds:.4f}", f"{share:.4f}", _number(floor, 1e-3, 4)]
            writer.writerow([*what, part.by, part.name, *times, *counts, ""])
    return text.getvalue()


def profile_tables(profiles: Iterable[Profile], peaks: Peaks) -> list[str]:
    """Lines of a page: a table for each profile and each way in which it is split."""
    lines = []
    for profile in profiles:
        lines += [f"### {profile.cell.title}", ""]
        if not profile.parts:
            lines += [f"Failed: {profile.note}", ""]
        shown = list(_shares(profile, peaks))
        for by in dict.fromkeys(part.by for part in profile.parts if part.by != CALL):
            lines += [f"| {WORDS[by]} | ms | share | floor ms | over floor |"]
            lines += ["|---|--:|--:|--:|--:|"]
            lines += [_part(*one) for one in shown if one[0].by in (by, CALL)]
            lines.append("")
    return ["## Where the time goes", "", *lines] if lines else []


def memory_table(measurement: Measurement) -> list[str]:
    """Lines of a page: what images need of a GPU's memory; none where there is no GPU."""
    rows: dict[Cell, Row] = {}
    for row in measurement.rows:
        known = row.memory is not None and row.times is not None
        if known and row.cell.runtime in ON_DEVICES and row.cell.scope in SCOPES:
            rows.setdefault(row.cell, row)
    if not rows or "gpu" not in measurement.environment:
        return []
    lines = ["## Peak memory", "", "| network | images | scope | runtime | form | precision "]
    lines[-1] += "| MB | MB over the images' bytes |"
    lines.append("|---|---|---|---|---|---|--:|--:|")
    for cell in sorted(rows, key=lambda one: (one.scope, one.network, prod(one.size), one.runtime)):
        needs = (rows[cell].memory or 0) / 1e6
        height, width = cell.size
        image = 3 * height * width * cell.batch / 1e6
        columns = [
            *(cell.network, f"{cell.batch} of {height}x{width}", cell.scope, cell.runtime),
            *(cell.form, cell.precision, f"{needs:.0f}", f"{needs / image:.1f}"),
        ]
        lines.append(f"| {' | '.join(columns)} |")
    return [*lines, ""]


def _shares(profile: Profile, peaks: Peaks) -> Iterable[tuple[Part, float, float | None]]:
    """Each part with its share of the whole call and its floor in seconds."""
    beyond = sum(part.seconds for part in profile.parts if part.by == CALL)
    wholes: dict[str, float] = {}
    for part in profile.parts:
        if part.by != CALL:
            wholes[part.by] = wholes.get(part.by, beyond) + part.seconds
    first = next(iter(wholes.values()), 0.0)
    for part in profile.parts:
        whole = wholes.get(part.by, first)
        floor = None
        if part.macs is not None and part.bytes is not None:
            floor = seconds(peaks, profile.cell.precision, part.macs, part.bytes)
        yield part, part.seconds / whole if whole else 0.0, floor


def _part(part: Part, share: float, floor: float | None) -> str:
    over = f"{part.seconds / floor:.1f}" if floor else ""
    times = f"{1e3 * part.seconds:.3f} | {share:.1%} | {_number(floor, 1e-3, 3)} | {over}"
    return f"| {part.name} | {times} |".replace("  ", " ")


def _number(value: float | None, unit: float, digits: int) -> str:
    return "" if value is None else f"{value / unit:.{digits}f}"
