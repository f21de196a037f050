"""What is said of many runs' times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """The times of a cell's runs, in seconds.

    Attributes:
        median, p99, fastest: of all runs.
        runs: how many.
        spread: how far the rounds' medians lie apart, as a share of the median.
    """

    median: float
    p99: float
    fastest: float
    runs: int
    spread: float


def summarise(rounds: Sequence[Sequence[float]]) -> Summary:
    """Median, 99th percentile (linear between runs) and spread of the runs of several rounds.

    Raises:
        ValueError: there are no runs.
    """
    runs = np.concatenate([np.asarray(one, float) for one in rounds]) if rounds else np.zeros(0)
    if not runs.size:
        raise ValueError("Expected at least one run. Received: none")
    medians = [float(np.median(one)) for one in rounds if len(one)]
    median = float(np.median(runs))
    return Summary(
        median=median,
        p99=float(np.percentile(runs, 99)),
        fastest=float(runs.min()),
        runs=int(runs.size),
        spread=(max(medians) - min(medians)) / median if median else 0.0,
    )
