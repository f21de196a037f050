"""Measures shipped weights on CamVid's test frames by drive and by the size of the image.

Run as `python benchmarks/camvid_drives.py DIR [NETWORK WEIGHTS]`. Protocols A and B count different
frames. Here both stand beside each other on the same ones: how much of their difference comes from
the frames, and how much from what the network sees of them. It chooses nothing.
"""

import argparse
import dataclasses

from PIL import Image
from rich.console import Console
from rich.table import Table

from scmnet_zoo.evaluation import CAMVID_A, CAMVID_B, Protocol, Task, evaluate, load

DRIVES = ("", "0001TP", "Seq05VD")  # all, dusk, day


def is_full(sample) -> bool:
    """Whether a frame is there at full size."""
    with Image.open(sample.image) as image:
        return image.height >= CAMVID_B.size[0]


def miou(task: Task, samples: list, protocol: Protocol) -> float:
    """In percent, on some of the frames."""
    part = dataclasses.replace(task.dataset, samples=tuple(samples))
    return 100 * evaluate(*task._replace(dataset=part, protocol=protocol)).mean_iou()


def rows(task: Task) -> list[tuple[str, str, int, float, float | None]]:
    """Drive, size, number of frames, mIoU by A, and by B where the frames are at full size."""
    found = []
    for size, full in (("960x720", True), ("480x360", False)):
        for drive in DRIVES:
            some = [s for s in task.dataset.samples if s.name.startswith(drive)]
            some = [s for s in some if is_full(s) == full]
            if some:
                by_b = miou(task, some, CAMVID_B) if full else None
                found.append((drive or "all", size, len(some), miou(task, some, CAMVID_A), by_b))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="CamVid's test frames by drive and size.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("network", nargs="?", default="scmnet")
    parser.add_argument("weights", nargs="?", default="camvid")
    arguments = parser.parse_args()
    task = load(arguments.network, arguments.weights, "camvid", arguments.data, "test", "A")
    table = Table("drive", "images", "frames", "A", "B")
    for drive, size, count, *found in rows(task):
        shown = ("-" if value is None else f"{value:.2f}" for value in found)
        table.add_row(drive, size, str(count), *shown)
    Console().print(table)


if __name__ == "__main__":
    main()
