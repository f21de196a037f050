"""Latency of networks in runtimes, taken in turns; see docs/performance.md."""

from scmnet_zoo.benchmark.latency.harness import measure
from scmnet_zoo.benchmark.latency.preset import Cell, Preset, find_preset
from scmnet_zoo.benchmark.latency.report import write_report
from scmnet_zoo.benchmark.latency.rows import Measurement, Profile, Row

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
