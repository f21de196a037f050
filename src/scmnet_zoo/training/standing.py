"""The progress of a training run."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Standing:
    """The progress of a training run.

    Attributes:
        epoch: number of completed epochs.
        step: completed steps of the next epoch; above 0 after an interruption.
        best: best validation mIoU so far, 0..1; -1 before the first validation.
        rows: results per epoch.
    """

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    rows: list[dict[str, Any]] = field(default_factory=list)
