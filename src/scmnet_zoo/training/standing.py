"""How far a training run has come."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Standing:
    """How far a training run has come.

    Attributes:
        epoch: epochs that are done.
        step: steps of the next one that are done; above 0 where the run was interrupted.
        best: the best validation mIoU so far, 0..1; below 0 before the first.
        rows: the results of each epoch.
    """

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    rows: list[dict[str, Any]] = field(default_factory=list)
