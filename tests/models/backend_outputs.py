"""Run as a program: the outputs of all networks on the backend that KERAS_BACKEND names.

Arguments: the directory that holds `<case>.safetensors` and `images.npz`, and the file to write.
"""

import sys
from pathlib import Path

import numpy as np
from networks import CASES


def main(directory, target):
    outputs = {}
    with np.load(directory / "images.npz") as images:
        for name, case in CASES.items():
            model = case.build(
                weights=directory / f"{name}.safetensors", classifier_activation=None
            )
            for size in images.files:
                outputs[f"{name}/{size}"] = model.predict(images[size], verbose=0)
    np.savez(target, **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
