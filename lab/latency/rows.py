"""What was found of a cell, and of all cells of a preset."""

from dataclasses import dataclass, field

from lab.latency.preset import Cell, Preset
from lab.latency.statistics import Summary

NOT_YET = "not timed: the run had not come so far"

Peaks = dict[str, tuple[dict[str, float], float]]


@dataclass
class Row:
    """A cell and what was found of it.

    Attributes:
        block: title of the block in which it had its turns.
        cell: what was timed.
        times: None where it failed.
        note: why it failed, in one line.
        prepare: seconds that compiling and the first runs took.
        memory: bytes that it took at most, where that is known.
        over_floor: the median over the least that the machine could take, where that is known.
        rounds: the seconds of all runs, by round.
    """

    block: str
    cell: Cell
    times: Summary | None = None
    note: str = ""
    prepare: float | None = None
    memory: int | None = None
    over_floor: float | None = None
    rounds: list[list[float]] = field(default_factory=list, repr=False)

    @property
    def title(self) -> str:
        """Words for a line of text."""
        return self.cell.title

    def fail(self, error: Exception) -> None:
        """Give up on the cell."""
        self.note, self.times, self.rounds = str(error), None, []


@dataclass(frozen=True)
class Part:
    """A share of a cell's time.

    Attributes:
        by: how the time is split: `"stage"` of the network, `"kind"` of operation, `"step"`.
            The parts of one `by` make up the whole.
        name: of the part.
        seconds: of one run.
        macs, bytes: what it cannot do without, where that was counted.
    """

    by: str
    name: str
    seconds: float
    macs: int | None = None
    bytes: int | None = None


@dataclass
class Profile:
    """A cell and what its time is spent on.

    Attributes:
        cell: what was split.
        parts: none where it failed.
        note: why it failed, in one line.
        prepare: seconds that compiling took.
    """

    cell: Cell
    parts: tuple[Part, ...] = ()
    note: str = ""
    prepare: float | None = None

    @property
    def title(self) -> str:
        """Words for a line of text."""
        return f"the profile of {self.cell.title}"

    def fail(self, error: Exception) -> None:
        """Give up on the cell."""
        self.note, self.parts = str(error), ()


@dataclass(frozen=True)
class Measurement:
    """All rows of a preset.

    Attributes:
        preset: what was asked for.
        rows: a cell each, in the preset's order.
        peaks: by backend, multiply-adds a second by precision and bytes a second.
        environment: machine and versions.
        profiles: the preset's, in its order.
        missing: what the run has not come to, in words.
    """

    preset: Preset
    rows: tuple[Row, ...]
    peaks: Peaks
    environment: dict[str, str]
    profiles: tuple[Profile, ...] = ()
    missing: tuple[str, ...] = ()
