"""Latency of networks in runtimes, taken in turns; see docs/performance.md."""

from scmnet_zoo.benchmark.latency.harness import Measurement, Row, measure
from scmnet_zoo.benchmark.latency.preset import Cell, Preset, find_preset
from scmnet_zoo.benchmark.latency.report import write_report

__all__ = ["Cell", "Measurement", "Preset", "Row", "find_preset", "measure", "write_report"]
