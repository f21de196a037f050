"""Measures what keeping kernels in 16 bits may have cost weights of which only such a file is left.

Run as `python benchmarks/camvid_half.py DIR NETWORK WEIGHTS`. The kernels that a file was rounded
from lie anywhere within half a step of 16 bits around it, so the test frames are measured by
protocol A with kernels drawn from there, besides the file's own: so far apart the mIoU of both
may have been.
"""

import argparse

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo.evaluation import evaluate, load

DRAWS = 2


def moved(kernel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values that 16 bits round to those of a kernel, drawn evenly."""
    half = kernel.astype("float16")
    step = np.spacing(np.abs(half)).astype("float32")
    drawn = kernel + step * rng.uniform(-0.5, 0.5, kernel.shape).astype("float32")
    return np.where(drawn.astype("float16") == half, drawn, kernel)  # the step below 1 is smaller


def main() -> None:
    """Print a row for the file, and one for each draw."""
    parser = argparse.ArgumentParser(description="What kernels in 16 bits may have cost.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("network", help="key of the network")
    parser.add_argument("weights", help="a name, or a file")
    arguments = parser.parse_args()
    task = load(arguments.network, arguments.weights, "camvid", arguments.data, "test", "A")
    kernels = {v.path: v for v in task.network.weights if len(v.shape) > 1}
    stored = {path: keras.ops.convert_to_numpy(v.value).copy() for path, v in kernels.items()}
    table = Table("kernels", "mIoU", "difference")
    own = 100 * evaluate(*task).mean_iou()
    table.add_row("of the file", f"{own:.3f}", "")
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        for path, variable in kernels.items():
            variable.assign(moved(stored[path], rng))
        found = 100 * evaluate(*task).mean_iou()
        table.add_row(f"draw {draw}", f"{found:.3f}", f"{found - own:+.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
