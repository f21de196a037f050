"""Times reading frames from a dataset's files and from a pack, with raw and compressed images.

Run as `python -m lab.pack DIR [DATASET [HEIGHTxWIDTH]]`, one core: `taskset -c 0 ...`.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
from rich.console import Console
from rich.table import Table

from scmnet_zoo.data import open_dataset, packed, write_pack
from scmnet_zoo.data.frames import read_frame

FRAMES = 100
REPEATS = 7  # of each frame, the fastest counts: what else the machine does only ever slows down


def milliseconds(read: Callable[[Any], Any], items: list) -> float:
    """The mean time to read one, the files being in the system's cache."""

    def once(item: Any) -> float:
        start = time.perf_counter()
        read(item)
        return 1000 * (time.perf_counter() - start)

    passes = [[once(item) for item in items] for _ in range(REPEATS)]
    return statistics.fmean(min(times) for times in zip(*passes, strict=True))


def main() -> None:
    """Print the table."""
    root, name, size = (*sys.argv[1:], *["camvid", "720x960"][len(sys.argv) - 2 :])
    height, width = (int(side) for side in size.split("x"))
    files = open_dataset(name, root, "train")
    files = replace(files, samples=files.samples[:: max(1, len(files.samples) // FRAMES)][:FRAMES])
    table = Table(title=f"{name}, {size}, {len(files.samples)} frames")
    for heading in ("", "ms a frame", "kB a frame"):
        table.add_column(heading, justify="right" if heading else "left")

    def row(what: str, time_: float, size: float) -> None:
        table.add_row(what, f"{time_:.2f}", f"{size / 1000:.0f}")

    with tempfile.TemporaryDirectory() as folder:
        pack, compressed = Path(folder, "pack.h5"), Path(folder, "compressed.h5")
        write_pack([files], (height, width), pack)
        bytes_ = sum(path.stat().st_size for s in files.samples for path in (s.image, s.label))
        count = len(files.samples)
        row(
            "files, decoded and resized",
            milliseconds(lambda s: read_frame(files, s, (height, width)), list(files.samples)),
            bytes_ / count,
        )
        dataset = packed(pack, "train")
        row("pack", milliseconds(dataset.read, list(dataset.samples)), pack.stat().st_size / count)
        with h5py.File(pack) as source, h5py.File(compressed, "w") as target:
            images = source["train/images"]
            copy = target.create_dataset(
                "images", images.shape, "uint8", chunks=images.chunks, compression="lzf"
            )
            for index in range(count):
                copy[index] = images[index]
            numbers = list(range(count))
            stored = images.id.get_storage_size() / count
            row("of it images, raw", milliseconds(images.__getitem__, numbers), stored)
            stored = copy.id.get_storage_size() / count
            row("images, lzf", milliseconds(copy.__getitem__, numbers), stored)
            labels = source["train/labels"]
            stored = labels.id.get_storage_size() / count
            row("labels, lzf", milliseconds(labels.__getitem__, numbers), stored)
    Console().print(table)


if __name__ == "__main__":
    main()
