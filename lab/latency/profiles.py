"""What a cell's time is spent on, by what its runtime tells or by timing parts of it."""

from collections.abc import Callable
from pathlib import Path

from lab.latency.preset import Cell
from lab.latency.rows import Part

Splitter = Callable[[], list[Part]]


def splitter(cell: Cell, path: Path | None, threads: int) -> Splitter:
    """A function that splits a cell's time; what it needs is compiled here.

    Args:
        cell: of scope `"mask"`, `"network"` or `"train"`.
        path: the file of its network, for runtimes that read one.
        threads: how many may compute.

    Raises:
        ValueError: there is no way.
        ImportError: the runtime is not installed.
    """
    if cell.scope not in ("mask", "network", "train"):
        raise ValueError(f"Expected scope mask, network or train. Received: {cell.scope}")
    if path is not None:
        from lab.latency.profile_files import file_splitter

        return file_splitter(cell, path, threads)
    if cell.form in ("eager", "compiled") and cell.scope != "train":
        from lab.latency.profile_torch import torch_splitter

        return torch_splitter(cell)
    if cell.runtime != "jax":
        raise ValueError(f"Expected a profile of a runtime that has one. Received: {cell.title}")
    if cell.scope == "train":
        from lab.latency.profile_train import train_splitter

        return train_splitter(cell)
    from lab.latency.profile_jax import jax_splitter

    return jax_splitter(cell, threads)
