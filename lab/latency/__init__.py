"""Latency of networks in runtimes, taken in turns; see lab/reports/performance.md."""

from lab.latency.harness import measure
from lab.latency.preset import Cell, Preset, find_preset
from lab.latency.report import write_report
from lab.latency.rows import Measurement, Profile, Row

__all__ = [
    "Cell",
    "Measurement",
    "Preset",
    "Profile",
    "Row",
    "find_preset",
    "measure",
    "write_report",
]
