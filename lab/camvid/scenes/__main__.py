"""Writes synthetic scenes in CamVid's layout: `python -m lab.camvid.scenes FOLDER`."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from lab.camvid.scenes.scene import draw_scene


def write(folder: Path, seed: int, number: int) -> None:
    """Write one scene."""
    made = draw_scene(seed, number)
    made.image.save(folder / "images" / f"{number:05}.webp", quality=90, method=0)
    made.label.save(folder / "labels" / f"{number:05}.png", compress_level=3)


def main() -> None:
    """Draw the scenes and write the lists."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.camvid.scenes",
        description="Synthetic street scenes in CamVid's layout.",
    )
    parser.add_argument("folder", type=Path, help="made if it is not there; must be empty")
    parser.add_argument("--frames", type=int, default=400, help="for training")
    parser.add_argument("--validation", type=int, default=8, help="further ones for validation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes; as many as cores if left out")
    arguments = parser.parse_args()
    folder, frames = arguments.folder, arguments.frames
    total = frames + arguments.validation
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        sys.exit(f"{folder}: expected a new or an empty folder")
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    with ProcessPoolExecutor(arguments.workers) as pool:
        written = pool.map(partial(write, folder, arguments.seed), range(total))
        for _ in track(written, "scenes", total, console=Console(stderr=True), transient=True):
            pass
    for split, numbers in (("train", range(frames)), ("val", range(frames, total))):
        (folder / f"{split}.txt").write_text("".join(f"{number:05}\n" for number in numbers))


if __name__ == "__main__":
    main()
