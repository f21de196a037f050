"""Measures what another light, another white balance or noise costs weights for CamVid.

Run as `python -m lab.camvid.light DIR [NETWORK WEIGHTS]`. Every 24th training frame is
changed and compared with its label by protocol A. The frames are ones that the weights know, so
only the differences between the rows say something. No validation or test frame is read.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo.data import Dataset
from scmnet_zoo.evaluation import Task, evaluate, load

EVERY = 24  # of the training frames
WARM = (1.12, 1.0, 0.88)  # red, green, blue: towards the light of a bulb
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of float images 0..255
    "none": lambda image: image,
    "0.7 of the light": lambda image: 0.7 * image,
    "1.3 of the light": lambda image: 1.3 * image,
    "warmer": lambda image: image * np.array(WARM),
    "colder": lambda image: image * np.array(WARM[::-1]),
    "noise, deviation 6": lambda image: image + np.random.default_rng(0).normal(0, 6, image.shape),
}


def changed(dataset: Dataset, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    """Some frames of a dataset, each 24th, with their images changed."""

    def read(sample):
        image, label = dataset.read(sample)
        return np.clip(np.rint(change(image.astype("float64"))), 0, 255).astype("uint8"), label

    return dataclasses.replace(dataset, samples=dataset.samples[::EVERY], read=read)


def rows(task: Task) -> dict[str, float]:
    """mIoU in percent by change."""
    return {
        name: 100 * evaluate(*task._replace(dataset=changed(task.dataset, change))).mean_iou()
        for name, change in CHANGES.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="CamVid's training frames in another light.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("network", nargs="?", default="scmnet")
    parser.add_argument("weights", nargs="?", default="camvid")
    arguments = parser.parse_args()
    try:
        task = load(arguments.network, arguments.weights, "camvid", arguments.data, "train", "A")
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    table = Table("change", "mIoU", "difference")
    found = rows(task)
    for name, value in found.items():
        table.add_row(name, f"{value:.2f}", f"{value - found['none']:+.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
