"""Measures what keeping kernels in 16 bits may have cost weights of which only such a file is left.

Run as `python benchmarks/camvid_half.py DIR NETWORK WEIGHTS`. The kernels that a file was rounded
from lie anywhere within half a step of 16 bits around it, so the test frames are measured by
protocol A with kernels drawn from there, besides the file's own: the differences show what rounding
may have cost.
"""

import argparse
import sys

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from scmnet_zoo.evaluation import Task, evaluate, load

DRAWS = 2


def moved(kernel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values that 16 bits round to those of a kernel, drawn evenly."""
    half = kernel.astype("float16")
    step = np.spacing(np.abs(half)).astype("float32")
    drawn = kernel + step * rng.uniform(-0.5, 0.5, kernel.shape).astype("float32")
    # Below a power of two the step is smaller, so some come out on the other side of it.
    return np.where(drawn.astype("float16") == half, drawn, kernel)


def measured(task: Task) -> list[float]:
    """mIoU in percent with the network's own kernels, then with each draw; they come back."""
    kernels = [v for v in task.network.weights if len(v.shape) > 1]
    stored = [np.array(keras.ops.convert_to_numpy(v.value)) for v in kernels]
    found = [100 * evaluate(*task).mean_iou()]
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        for variable, values in zip(kernels, stored, strict=True):
            variable.assign(moved(values, rng))
        found.append(100 * evaluate(*task).mean_iou())
    for variable, values in zip(kernels, stored, strict=True):
        variable.assign(values)
    return found


def main() -> None:
    """Print a row for the file, and one for each draw."""
    parser = argparse.ArgumentParser(description="What kernels in 16 bits may have cost.")
    parser.add_argument("data", help="CamVid's folder")
    parser.add_argument("network", help="key of the network")
    parser.add_argument("weights", help="a name, or a file")
    arguments = parser.parse_args()
    try:
        task = load(arguments.network, arguments.weights, "camvid", arguments.data, "test", "A")
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    table = Table("kernels", "mIoU", "difference")
    own, *drawn = measured(task)
    table.add_row("of the file", f"{own:.3f}", "")
    for draw, found in enumerate(drawn):
        table.add_row(f"draw {draw}", f"{found:.3f}", f"{found - own:+.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
