"""Presets: what is timed beside what, as a small readable file."""

import itertools
import os
import tomllib
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from lab.latency.preset_schema import SCHEMA

AXES = ("sizes", "scopes", "precisions", "networks", "runtimes", "forms")


@dataclass(frozen=True)
class Cell:
    """One thing that is timed.

    Attributes:
        network: a key of `networks.OURS` or `peers.PEERS`.
        runtime: what runs it.
        form: of the zoo's networks `"stock"` (Keras's own convolutions and batch norm), `"model"`
            (as the factory makes it) or `"fused"` (`scmnet_zoo.deploy.fuse`); of peers `"eager"`
            or `"compiled"` in PyTorch, else `"export"`, from PyTorch's ONNX file.
        precision: `"f32"`, `"bf16"` or `"int8"`.
        size: (height, width) of the image.
        scope: `"network"`, normalised image to logits, both on the device; `"mask"`, RGB bytes
            to class indices, both on the device; `"jpeg"` and `"video"`, from a file to class
            indices in the host's memory; `"train"`, a training step.
        batch: images in a training step; else one.
    """

    network: str
    runtime: str
    form: str
    precision: str
    size: tuple[int, int]
    scope: str
    batch: int = 1

    @property
    def title(self) -> str:
        """Words for a line of text."""
        height, width = self.size
        what = f"{self.network} {self.runtime} {self.form} {self.precision}"
        images = f"{self.batch}x" if self.scope == "train" else ""
        return f"{what} {images}{height}x{width} {self.scope}"


def program_of(cell: Cell) -> Cell:
    """The cell of the program that it runs: images from files go through that of images."""
    return cell if cell.scope == "network" else replace(cell, scope="mask")


@dataclass(frozen=True)
class Block:
    """Cells that take turns."""

    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Target:
    """A limit: of a cell's milliseconds, or with `than` of their ratio to another cell's."""

    text: str
    limit: float
    cell: Cell
    than: Cell | None


@dataclass(frozen=True)
class Preset:
    """What is timed, and how.

    Attributes:
        name: for people.
        rounds: how often each cell of a block has its turn.
        turn_runs: how many runs a turn has at most, after one that does not count.
        turn_seconds: how long a turn lasts at most; it has two runs at least.
        prepare_seconds: how long compiling and the first runs may take.
        threads: of each runtime; None for one a core.
        blocks: in this order.
        targets: what is compared with limits at the end.
        processes: of a runtime that has more than one, which prepare at the same time.
        profiles: cells whose time is split.
        prepare_at_once: how many processes prepare at the same time; None for one a core, two at
            least.
    """

    name: str
    rounds: int
    turn_runs: int
    turn_seconds: float
    prepare_seconds: float
    threads: int | None
    blocks: tuple[Block, ...]
    targets: tuple[Target, ...] = ()
    processes: dict[str, int] = field(default_factory=dict)
    profiles: tuple[Cell, ...] = ()
    prepare_at_once: int | None = None


def find_preset(name: str | os.PathLike) -> Preset:
    """A preset by the name of a shipped one, or by the path of a TOML file.

    Raises:
        ValueError: there is none, with what there is, or the file is wrong.
    """
    text = os.fspath(name)
    if text.endswith(".toml") or os.sep in text:
        return read_preset(Path(text))
    folder = Path(str(resources.files("lab.latency"))) / "presets"
    path = folder / f"{text}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ValueError(
            f"Expected the path of a .toml file or the name of a preset ({known}). Received: {text}"
        )
    return read_preset(path)


def read_preset(path: Path) -> Preset:
    """Read a preset's file.

    Raises:
        ValueError: it cannot be read, or is not as it must be.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error
    fault = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(SCHEMA).iter_errors(table)
    )
    if fault is not None:
        where = fault.json_path.removeprefix("$").removeprefix(".")
        raise ValueError(f"{path}: {where or 'the file'}: {fault.message}")
    titles = [block["title"] for block in table["blocks"]]
    if len(set(titles)) < len(titles):
        raise ValueError(f"{path}: expected a title of its own for each block. Received: {titles}")
    return Preset(
        name=path.stem,
        rounds=table["rounds"],
        turn_runs=table["turn_runs"],
        turn_seconds=table["turn_seconds"],
        prepare_seconds=table["prepare_seconds"],
        threads=table.get("threads"),
        blocks=tuple(_block(block) for block in table["blocks"]),
        targets=tuple(_target(target) for target in table.get("targets", [])),
        processes=table.get("processes", {}),
        profiles=_cells(table.get("profiles", [])),
        prepare_at_once=table.get("prepare_at_once"),
    )


def _block(table: dict[str, Any]) -> Block:
    return Block(table["title"], _cells(table["cells"]))


def _cells(groups: list[dict[str, Any]]) -> tuple[Cell, ...]:
    """Every combination of a group's values, of each group; a cell that is there twice, once."""
    cells = [
        Cell(network, runtime, form, precision, tuple(size), scope, group.get("batch", 1))
        for group in groups
        for size, scope, precision, network, runtime, form in itertools.product(
            *(group[key] for key in AXES)
        )
    ]
    for cell in cells:
        if cell.batch > 1 and cell.scope != "train":
            raise ValueError(f"Expected a batch of one outside training. Received: {cell.batch}")
    return tuple(dict.fromkeys(cells))


def _target(table: dict[str, Any]) -> Target:
    def cell(values: dict[str, Any]) -> Cell:
        return Cell(**{**values, "size": tuple(values["size"])})

    than = table.get("than")
    return Target(table["text"], table["limit"], cell(table["cell"]), than and cell(than))
