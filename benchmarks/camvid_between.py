"""Measures weights between two of a network: how much of drawn streets' road and sky they see.

Run as `python benchmarks/camvid_between.py FIRST.safetensors LAST.safetensors`, with `--held-out
DIR` for CamVid's folder to measure the drive 0006R0 too, where neither has learned from it. The
streets are those of tests/weights/test_drawn_streets.py, so this runs in a checkout only.
"""

import argparse
import dataclasses
import runpy
import tempfile
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo.data import CAMVID, Dataset, camvid
from scmnet_zoo.evaluation import CAMVID_A, CAMVID_B, evaluate
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights import average_checkpoints

PARTS = 4  # the shares of the last are 0, 1/4, ..., 1
DRIVE = "0006R0"
SIZE = (720, 960)
STREETS = Path(__file__).parents[1] / "tests" / "weights" / "test_drawn_streets.py"


def between(first: Path, last: Path, share: int, folder: Path) -> keras.Model:
    """The network whose weights are `share` parts of `PARTS` on the way from first to last."""
    path = folder / f"{share}.safetensors"
    metadata = average_checkpoints([first] * (PARTS - share) + [last] * share, path)
    return factory_of(metadata.network)(weights=path)


def seen(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Of the pixels of road and sky of each street, how many are seen as such."""
    drawn = runpy.run_path(str(STREETS))
    skies = (drawn["OVERCAST"], drawn["PALE"], drawn["DEEP"])
    streets = [drawn["street"](number, sky) for number, sky in enumerate(skies)]
    classes = np.concatenate(
        [keras.ops.convert_to_numpy(model(one[None])).argmax(-1) for one in streets]
    )
    names = CAMVID.classes
    return tuple(
        (classes[:, *drawn[place]] == names.index(name)).mean(axis=(1, 2))
        for place, name in (("ROAD", "road"), ("SKY", "sky"))
    )


def held_out_frames(root) -> Dataset:
    """The training frames of the drive that is held out."""
    train = camvid(root, "train")
    kept = tuple(one for one in train.samples if one.name.startswith(DRIVE))
    return dataclasses.replace(train, samples=kept)


def main() -> None:
    """Print a row for each share."""
    parser = argparse.ArgumentParser(description="Between two of a network's weights.")
    parser.add_argument("first", type=Path)
    parser.add_argument("last", type=Path)
    parser.add_argument("--held-out", metavar="DIR", help="CamVid's folder")
    arguments = parser.parse_args()
    table = Table("share of the last", "road", "sky", "A", "B")
    held_out = held_out_frames(arguments.held_out) if arguments.held_out else None
    with tempfile.TemporaryDirectory() as folder:
        for share in range(PARTS + 1):
            model = between(arguments.first, arguments.last, share, Path(folder))
            cells = [" ".join(f"{100 * value:.0f}" for value in part) for part in seen(model)]
            if held_out is not None:
                scores = [evaluate(model, held_out, one, SIZE) for one in (CAMVID_A, CAMVID_B)]
                cells += [f"{100 * one.mean_iou():.2f}" for one in scores]
            table.add_row(f"{share / PARTS}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
